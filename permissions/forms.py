"""Base form for choices among the rows of an office."""

from typing import Any

from django import forms

from accounts.models import User, build_office_filter


class OfficeChoiceForm(forms.Form):
    """Form whose choices of rows are limited to those of the office of `user` (rule 1)."""

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, forms.ModelChoiceField) and field.queryset is not None:
                field.queryset = field.queryset.filter(build_office_filter(user))
