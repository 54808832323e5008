"""Forms of the rules about duties and of exceptions to them."""

from typing import Any, cast

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.forms import PLAIN_TEXT_VALIDATORS, VersionedForm, build_day_field
from permissions.checks import Right
from permissions.forms import OfficeChoiceForm
from permissions.models import DutyRule, Employer
from permissions.rights_grid import GridContents, RightsField
from reviews.duties import RuleValues

_MATCHES = ((False, _("one of these is enough")), (True, _("all of these together")))


def _build_match_field() -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label=_("Counts when a user has"), choices=_MATCHES, coerce=lambda value: value == "True", initial=False
    )


class DutyRuleForm(VersionedForm):
    """A rule; version 0 is that of a new one."""

    name = forms.CharField(label=_("Name"), max_length=70, validators=PLAIN_TEXT_VALIDATORS)
    reason = forms.CharField(
        label=_("Reason"), max_length=300, validators=PLAIN_TEXT_VALIDATORS, help_text=_("Shown with each conflict.")
    )
    level = forms.ChoiceField(label=_("Where"), choices=DutyRule.Level.choices)
    severity = forms.ChoiceField(label=_("When a change leads to a conflict"), choices=DutyRule.Severity.choices)
    first = RightsField(label=_("These rights"))
    first_all = _build_match_field()
    second = RightsField(label=_("Not together with"))
    second_all = _build_match_field()

    def __init__(self, *args: Any, rule: DutyRule | None, suggested: RuleValues | None = None, **kwargs: Any) -> None:
        values = suggested or ({name: getattr(rule, name) for name in RuleValues.__annotations__} if rule else {})
        kwargs["initial"] = {**values, "version": rule.version if rule else 0}
        super().__init__(*args, **kwargs)
        for name in ("first", "second"):
            cast(RightsField, self.fields[name]).set_choices(Right, GridContents())

    @property
    def rule_values(self) -> RuleValues:
        """The values that the action takes."""
        values = {name: self.cleaned_data[name] for name in RuleValues.__annotations__}
        return cast(RuleValues, values | {name: sorted(values[name]) for name in ("first", "second")})


class ExemptionForm(OfficeChoiceForm):
    """Asks for an exception for one user."""

    employer = forms.ModelChoiceField(
        label=_("Employer"), queryset=Employer.objects.none(), required=False,
        empty_label=_("All employers"),
    )  # fmt: skip
    reason = forms.CharField(label=_("Reason"), max_length=300, validators=PLAIN_TEXT_VALIDATORS)
    last_day = build_day_field(_("Last day"))

    def __init__(self, *args: Any, rule: DutyRule, employers: QuerySet[Employer], user: User, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
        self.fields["last_day"].required = True
        if rule.level == DutyRule.Level.OFFICE:
            del self.fields["employer"]
        else:
            cast(forms.ModelChoiceField[Employer], self.fields["employer"]).queryset = employers
