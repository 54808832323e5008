"""Filters of the messages of an office."""

from django import forms
from django.utils.translation import gettext_lazy as _

from core.forms import FilterForm, build_day_field
from outbox.kinds import KIND_LABELS
from users.messages import DeliveryState

_ALL_CHOICE = [("", _("All"))]


class MessageFilterForm(FilterForm):
    person = forms.CharField(
        label=_("Recipient"),
        max_length=100,
        required=False,
        widget=forms.SearchInput(attrs={"placeholder": _("Name, username or e-mail")}),
    )
    kind = forms.ChoiceField(label=_("Type"), choices=[*_ALL_CHOICE, *KIND_LABELS.items()], required=False)
    state = forms.ChoiceField(label=_("State"), choices=[*_ALL_CHOICE, *DeliveryState.choices], required=False)
    since = build_day_field(_("From date"))
    until = build_day_field(_("To date"))
