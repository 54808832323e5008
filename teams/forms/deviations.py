"""Forms for the clean-up of individual rights."""

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.forms import PLAIN_TEXT_VALIDATORS
from permissions.forms import OfficeChoiceForm


class UserChoiceForm(OfficeChoiceForm):
    person = forms.ModelChoiceField(queryset=User.objects.all())


class ReplaceByTeamForm(forms.Form):
    """Name of a team that replaces individual rights; `group` is the fingerprint of the group of users."""

    name = forms.CharField(label=_("Team name"), max_length=50, validators=PLAIN_TEXT_VALIDATORS)
    group = forms.CharField(max_length=64)
