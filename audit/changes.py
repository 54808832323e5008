"""Types of the changes that events record."""

from typing import Any, TypeAlias

# The value before and the value after: [old, new]. `None` stands for no value: [None, new] adds, [old, None] removes.
# A list and not a tuple: events and plans store it as JSON, and what is read back compares equal to what was written.
Change: TypeAlias = list[Any]

# The change of each field by its name, or of each right, team or other part by its code or name.
Changes: TypeAlias = dict[str, Change]
