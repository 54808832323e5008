"""Forms of individual rights."""

from collections.abc import Collection
from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from permissions.checks import Right


class RightsField(forms.MultipleChoiceField):
    """Choice of rights, each with a description."""

    def __init__(self, *, label: Any) -> None:
        super().__init__(label=label, required=False, widget=forms.CheckboxSelectMultiple)

    def set_choices(self, rights: Collection[Right]) -> None:
        """Set the rights that can be chosen."""
        self.choices = [
            (right.value, format_html('<span>{}<span class="detail">{}</span></span>', right.label, right.permits))
            for right in Right
            if right in rights
        ]


class IndividualRightsForm(forms.Form):
    """Individual rights of one user; `before` has the rights that the form showed, to detect concurrent changes."""

    rights = RightsField(label=_("Individual rights"))
    before = forms.CharField(required=False, max_length=2000, widget=forms.HiddenInput)

    def __init__(self, *args: Any, held: frozenset[Right], givable: frozenset[Right], **kwargs: Any) -> None:
        initial = {"rights": sorted(held), "before": ",".join(sorted(held))}
        kwargs["initial"] = initial
        super().__init__(*args, **kwargs)
        self.held, self.givable = held, givable
        self.fields["rights"].set_choices(givable)  # type: ignore[attr-defined]

    def clean_rights(self) -> frozenset[Right]:
        """Return the chosen rights and the held ones that the administrator cannot revoke."""
        return frozenset(Right(code) for code in self.cleaned_data["rights"]) | (self.held - self.givable)

    def clean_before(self) -> str:
        """Raise ValidationError if the rights changed since the form was opened."""
        before: str = self.cleaned_data["before"]
        if before != ",".join(sorted(self.held)):
            raise forms.ValidationError(
                _("Another user changed these rights in the meantime. Check them and save again."), code="stale"
            )
        return before
