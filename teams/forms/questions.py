"""Input of questions about who may do what: which right, which employer, which colleague."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from teams.catalogue import EMPLOYER_RIGHTS, Right
from teams.models import Employer


class EmployerForm(forms.Form):
    """Which employer of the office of `user`."""

    employer = forms.ModelChoiceField(
        label=_("Employer"), queryset=Employer.objects.none(), required=False, empty_label=_("The office itself")
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        employers = Employer.objects.visible_to(user).order_by("sort_name", "pk")
        self.fields["employer"].queryset = employers  # type: ignore[attr-defined]


class RightForm(EmployerForm):
    """Which right, and at which employer if it is one of those that count there."""

    right = forms.ChoiceField(label=_("Right"))
    field_order = ["right", "employer"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["right"].choices = [  # type: ignore[attr-defined]
            (_("For the office"), [(right.value, right.label) for right in Right if right not in EMPLOYER_RIGHTS]),
            (_("At an employer"), [(right.value, right.label) for right in Right if right in EMPLOYER_RIGHTS]),
        ]

    def clean_right(self) -> Right:
        """Return the right."""
        return Right(self.cleaned_data["right"])

    def clean(self) -> dict[str, Any]:
        """Leave the employer aside for a right of the office; add the error "employer_needed" where one is missing."""
        right = self.cleaned_data.get("right")
        if right is not None and right not in EMPLOYER_RIGHTS:
            self.cleaned_data["employer"] = None
        elif right is not None and "employer" in self.cleaned_data and self.cleaned_data["employer"] is None:
            message = _("Choose an employer: this right counts at each employer apart.")
            self.add_error("employer", forms.ValidationError(message, code="employer_needed"))
        return self.cleaned_data


class ColleagueForm(forms.Form):
    """Another user of the office of `person`."""

    colleague = forms.ModelChoiceField(
        label=_("Colleague"), queryset=User.objects.none(), empty_label=_("Choose a colleague")
    )

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = User.objects.visible_to(person).exclude(pk=person.pk).order_by("sort_name", "pk")
        self.fields["colleague"].queryset = others  # type: ignore[attr-defined]
        self.fields["colleague"].label_from_instance = lambda user: user.list_name  # type: ignore[attr-defined]
