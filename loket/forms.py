"""What forms of several apps have in common."""

from typing import Any

from django import forms


class FocusedForm(forms.Form):
    """A form that a page begins in: after a fault the page begins at what says what is wrong, and not in the field."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.is_bound:
            for field in self.fields.values():
                field.widget.attrs.pop("autofocus", None)
