"""Forms that choose a right, an employer or a colleague."""

from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.pickers import PickerSelect
from permissions.catalog import EMPLOYER_LEVEL_RIGHTS, Right
from permissions.forms import OfficeChoiceForm
from permissions.models import Employer


class EmployerChoiceForm(OfficeChoiceForm):
    """Choice of an employer; empty for the office itself."""

    employer = forms.ModelChoiceField(
        label=_("Employer"),
        queryset=Employer.objects.order_by("sort_name", "pk"),
        required=False,
        empty_label=_("The office itself"),
        widget=PickerSelect,
    )


def _list_right_choices() -> list[tuple[Any, Any]]:
    return [
        (_("For the office"), [(right.value, right.label) for right in Right if right not in EMPLOYER_LEVEL_RIGHTS]),
        (_("At an employer"), [(right.value, right.label) for right in Right if right in EMPLOYER_LEVEL_RIGHTS]),
    ]


class RightChoiceForm(EmployerChoiceForm):
    right = forms.ChoiceField(label=_("Right"), choices=_list_right_choices, widget=PickerSelect)
    field_order = ["right", "employer"]

    def clean_right(self) -> Right:
        return Right(self.cleaned_data["right"])

    def clean(self) -> dict[str, Any]:
        """Drop the employer for an office-level right; add the error "employer_needed" if one is missing."""
        right = self.cleaned_data.get("right")
        if right is not None and right not in EMPLOYER_LEVEL_RIGHTS:
            self.cleaned_data["employer"] = None
        elif right is not None and "employer" in self.cleaned_data and self.cleaned_data["employer"] is None:
            message = _("Choose an employer: this right applies per employer.")
            self.add_error("employer", forms.ValidationError(message, code="employer_needed"))
        return self.cleaned_data


class ColleagueChoiceForm(forms.Form):
    colleague = forms.ModelChoiceField(
        label=_("Colleague"),
        queryset=User.objects.none(),
        empty_label=_("Choose a colleague"),
        widget=PickerSelect,
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = User.objects.visible_to(user).exclude(pk=user.pk).order_by("sort_name", "pk")
        field = cast("forms.ModelChoiceField[User]", self.fields["colleague"])
        field.queryset, field.label_from_instance = others, lambda obj: obj.list_name  # type: ignore[method-assign]
