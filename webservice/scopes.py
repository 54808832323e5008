"""What a program may ask for: the first link of every permission (domain.md 3.1), before the rights of the person."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Scope(TextChoices):
    """What a program may do for somebody."""

    USERS_READ = "users:read", _("See users AK, tenants, email texts and sets, as far as you may")
    USERS_WRITE = "users:write", _("Make, change, invite and block users AK, as far as you may")
    TEAMS_READ = "teams:read", _("See teams, employers and rights, as far as you may")
    TEAMS_WRITE = "teams:write", _("Change teams, employers and rights, as far as you may")
    SSO = "sso", _("Log you in here without a password")
