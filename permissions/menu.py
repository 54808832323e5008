"""The entries of the menu, in the order of Classic."""

from typing import NamedTuple

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from permissions.checks import Right


class MenuEntry(NamedTuple):
    group: str
    title: str
    url: str
    icon: str
    right: Right | None = None
    count_name: str = ""  # of the number beside it, see `users.menu_counts`


def get_page_by_right() -> dict[Right, str]:
    """Return the URL of the first page in the menu that each right opens."""
    return {entry.right: entry.url for entry in reversed(list_office_entries()) if entry.right is not None}


def list_office_entries() -> list[MenuEntry]:
    overview, people, settings, compliance = (
        _("Overview"), _("Teams and users"), _("Office settings"), _("Compliance")
    )  # fmt: skip
    notifications, provider = reverse("notifications:notification_list"), Right.MANAGE_PROVIDER
    office_notifications = reverse("notifications:office_preferences")
    return [
        MenuEntry(overview, _("Today"), reverse("home"), "home", None, "alerts"),
        MenuEntry(overview, pgettext("told", "Notifications"), notifications, "bell", None, "unread"),
        MenuEntry(people, _("Users"), reverse("users:user_list"), "users", Right.VIEW_USERS, "users"),
        MenuEntry(people, _("Teams"), reverse("teams:team_list"), "team", Right.VIEW_TEAMS, "teams"),
        MenuEntry(
            people, _("Employers"), reverse("teams:employer_list"), "building", Right.MANAGE_EMPLOYERS, "employers"
        ),
        MenuEntry(settings, _("Office"), reverse("users:office_settings"), "office", provider),
        MenuEntry(settings, _("Two-factor"), reverse("authentication:mfa_policy"), "shield", provider),
        MenuEntry(settings, _("Azure AD tenants"), reverse("users:tenant_list"), "cloud", provider),
        MenuEntry(settings, _("Sets"), reverse("teams:set_list"), "layers", Right.MANAGE_SETS),
        MenuEntry(settings, _("Office notifications"), office_notifications, "flag", Right.MANAGE_SIGNALS),
        MenuEntry(settings, _("Integrations"), reverse("oauth:application_list"), "plug", Right.MANAGE_INTEGRATIONS),
        MenuEntry(settings, _("E-mail texts"), reverse("users:email_texts"), "mail", provider),
        MenuEntry(settings, _("History and retention"), reverse("history:retention_settings"), "gear", provider),
        MenuEntry(compliance, _("Authorization matrix"), reverse("teams:matrix"), "grid", Right.VIEW_USERS),
        MenuEntry(compliance, _("Deviations"), reverse("teams:deviations"), "warn", Right.VIEW_USERS),
        MenuEntry(compliance, _("Access reviews"), reverse("reviews:campaign_list"), "review", Right.REVIEW_ACCESS),
        MenuEntry(compliance, _("Segregation of duties"), reverse("reviews:duty_list"), "layers", Right.REVIEW_ACCESS),
        MenuEntry(compliance, _("Dormant accounts"), reverse("users:dormant_accounts"), "user", Right.MANAGE_USERS),
        MenuEntry(compliance, _("History"), reverse("history:event_list"), "clock", Right.VIEW_AUDIT),
        # Below: *Dormant accounts* is the page that this right leads to first.
        MenuEntry(settings, _("Messages"), reverse("users:message_list"), "phone", Right.MANAGE_USERS),
    ]


def list_support_entries() -> list[MenuEntry]:
    people, sent, own = _("Offices and users"), _("Messages"), _("Your account")
    return [
        MenuEntry(people, _("Search"), reverse("admin:index"), "search"),
        MenuEntry(people, _("Offices"), reverse("admin:accounts_provider_changelist"), "office"),
        MenuEntry(people, _("Users"), reverse("admin:accounts_user_changelist"), "users"),
        MenuEntry(people, _("Azure AD tenants"), reverse("admin:accounts_externaltenant_changelist"), "cloud"),
        MenuEntry(people, _("Integrations"), reverse("admin:oauth_application_changelist"), "plug"),
        MenuEntry(sent, _("Invitations"), reverse("admin:invitations_invitation_changelist"), "mail"),
        MenuEntry(sent, _("E-mail and SMS"), reverse("admin:outbox_message_changelist"), "phone"),
        MenuEntry(sent, _("Queue and worker"), reverse("admin:queue"), "layers"),
        MenuEntry(own, _("Two-factor"), reverse("authentication:device_list"), "shield"),
        MenuEntry(own, _("Sessions"), reverse("authentication:own_sessions"), "clock"),
        MenuEntry(own, _("Password"), reverse("authentication:change_password"), "key"),
    ]
