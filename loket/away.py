"""The database that is away for a while: how it shows."""

from collections.abc import Iterator

from django.db import InterfaceError, OperationalError

from loket.availability import NotConnected

# A server that became a replica, or that stops or starts: Django has no kind of its own for all of them.
_STATES = {"25006", "57P01", "57P02", "57P03"}
# Lock timeout, deadlock, serialization failure and canceled query: about one statement.
_OF_A_STATEMENT = {"55P03", "40P01", "40001", "57014"}


def is_away(error: BaseException | None) -> bool:
    """Return whether the database is why something was not done, and no fault of ours: a moment later it may be."""
    return any(
        isinstance(one, OperationalError | InterfaceError) or getattr(one, "sqlstate", None) in _STATES
        for one in _causes(error)
    )


def never_connected(error: BaseException | None) -> bool:
    """Return whether there was no connection to the database to begin with: then nothing was saved."""
    return any(isinstance(one, NotConnected) for one in _causes(error))


def is_unreachable(error: BaseException) -> bool:
    """Return whether the whole database is away, not one row that another transaction has locked."""
    return is_away(error) and not any(getattr(one, "sqlstate", None) in _OF_A_STATEMENT for one in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
