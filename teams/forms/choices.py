"""Forms that choose a right, an employer or a colleague."""

from typing import Any, cast

from django import forms
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from permissions.catalog import EMPLOYER_LEVEL_RIGHTS, Right
from permissions.forms import OfficeChoiceForm
from permissions.models import Employer


class LongSelect(forms.Select):
    """A select of thousands of options, without groups. By template, they would take most of the time of the page."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        chosen = self.format_value(value)
        options = format_html_join(
            "\n",
            '<option value="{}"{}>{}</option>',
            ((key, mark_safe(" selected") if str(key) in chosen else "", label) for key, label in self.choices),
        )
        attributes = flatatt(self.build_attrs(self.attrs, attrs))
        return format_html('<select name="{}"{}>{}</select>', name, attributes, options)


class EmployerChoiceForm(OfficeChoiceForm):
    """Choice of an employer; empty for the office itself."""

    employer = forms.ModelChoiceField(
        label=_("Employer"),
        queryset=Employer.objects.order_by("sort_name", "pk"),
        required=False,
        empty_label=_("The office itself"),
        widget=LongSelect,
    )


def _list_right_choices() -> list[tuple[Any, Any]]:
    return [
        (_("For the office"), [(right.value, right.label) for right in Right if right not in EMPLOYER_LEVEL_RIGHTS]),
        (_("At an employer"), [(right.value, right.label) for right in Right if right in EMPLOYER_LEVEL_RIGHTS]),
    ]


class RightChoiceForm(EmployerChoiceForm):
    right = forms.ChoiceField(label=_("Right"), choices=_list_right_choices)
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
        label=_("Colleague"), queryset=User.objects.none(), empty_label=_("Choose a colleague")
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = User.objects.visible_to(user).exclude(pk=user.pk).order_by("sort_name", "pk")
        field = cast("forms.ModelChoiceField[User]", self.fields["colleague"])
        field.queryset, field.label_from_instance = others, lambda obj: obj.list_name  # type: ignore[method-assign]
