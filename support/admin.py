"""Read-only admin pages of the offices' data for support, without secrets."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from accounts.models import ExternalTenant, Provider, User
from accounts.status import chip, with_status
from invitations.models import Invitation
from outbox.models import Message
from support import search
from support.buttons import (
    Button,
    for_office,
    for_offices,
    for_person,
    for_program,
    for_programs,
    for_tenant,
)
from support.columns import Column, column, related
from support.site import site as site
from teams.rights import has_administrator
from webservice.models import Application


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """Admin with a list searched by `find` and a page of the columns `shown`; no add, change or delete."""

    shown: Sequence[Column] = ()
    search_fields = ("pk",)  # shows the search box; `find` does the search
    actions = None
    list_per_page = search.MOST
    show_full_result_count = False
    ordering = ("-pk",)
    sortable_by = ()
    view_on_site = False
    change_list_template = "support/change_list.html"
    change_form_template = "support/change_form.html"

    def find(self, text: str) -> list[UUID]:
        """Return the IDs of the rows that match `text`, at most a page."""
        raise NotImplementedError

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return True: `support.site` admits support users only."""
        return True

    def has_module_permission(self, request: HttpRequest) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: the buttons make changes, through the same actions as the offices' pages."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False."""
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Return False: a filter in the query string could reveal a hash character by character."""
        return False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return queryset.filter(pk__in=self.find(search_term.strip())), False

    def get_urls(self) -> list[Any]:
        """Return only the list and detail pages, for GET and HEAD."""
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        rows, row = require_safe(self.changelist_view), require_safe(self.change_view)
        return [
            path("", self.admin_site.admin_view(rows), name=f"{name}_changelist"),
            path("<str:object_id>/", self.admin_site.admin_view(row), name=f"{name}_change"),
        ]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the columns of the page; no other fields are shown."""
        return self.shown

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.shown

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> Any:
        """Show one row, with the buttons for its state."""
        row = self.get_object(request, object_id)
        context = {"title": str(row), "subtitle": None, "buttons": self.buttons(row) if row else []}
        return super().change_view(request, object_id, extra_context=context)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        title = str(self.opts.verbose_name_plural)
        context = {"title": title[:1].upper() + title[1:], "buttons": self.list_buttons()}
        return super().changelist_view(request, extra_context=context)

    def buttons(self, row: Any) -> list[Button]:
        """Return the buttons for `row`."""
        return []

    def list_buttons(self) -> list[Button]:
        """Return the buttons above the list."""
        return []


_ID = column("id", "id")
_OFFICE = related("provider", _("Office"))
_NAME = column("name", _("Name"))
_EMAIL = column("email", _("E-mail address"))
_STATE = column("state", _("Status"))
_CREATED = column("created_at", _("Created"))
_SENT = column("sent_at", _("Sent"))
_VALID = column("expires_at", _("Valid until"))


@admin.display(description=_("Status"))
def _status(user: User) -> str:
    shown = chip(user)
    return f"{shown.label} ({shown.detail})" if shown.detail else shown.label


@admin.display(description=_("E-mail and SMS"))
def _messages(user: User) -> str:
    address = reverse("admin:outbox_message_changelist")
    return format_html('<a href="{}?q={}">{}</a>', address, user.pk, _("Sent messages and their delivery"))


@admin.display(description=_("Has an administrator"), boolean=True)
def _has_administrator(provider: Provider) -> bool:
    return has_administrator(provider)


@admin.display(description=_("Office"))
def _whose(application: Application) -> Any:
    return _OFFICE(application) if application.provider_id else _("every office (partner)")


@admin.display(description=_("Has a secret"), boolean=True)
def _has_secret(application: Application) -> bool:
    return bool(application.client_secret)


@admin.register(User, site=site)
class UserAdmin(ReadOnly):
    """Users of the offices; the operator manages accounts of support."""

    search_help_text = _("Username, e-mail, ID, or start of the name: Boer, or P. de Boer")
    _kind = column("login_method", _("Login method"))
    list_display = (column("list_name", _("Name")), column("username", _("Username")), _EMAIL, _OFFICE, _kind, _status)
    shown = (
        _ID,
        column("full_name", _("Name")),
        column("username", _("Username")),
        _EMAIL,
        _OFFICE,
        _kind,
        _status,
        _messages,
        column("accepted_at", _("Joined")),
        column("blocked_at", _("Blocked")),
        column("access_until", _("Access until")),
        column("two_factor_required", _("Two-factor required"), boolean=True),
        column("second_factor_at", _("Has two-factor since")),
        column("password_changed_at", _("Password changed")),
        column("last_login", _("Last login")),
        _CREATED,
    )

    def find(self, text: str) -> list[UUID]:
        return search.people(text)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Return the users of all offices with their status."""
        people = User.objects.filter(is_support=False).order_by(*self.ordering)
        return with_status(people.select_related("provider"))

    def buttons(self, row: User) -> list[Button]:
        return for_person(row)


@admin.register(Provider, site=site)
class ProviderAdmin(ReadOnly):
    search_help_text = _("Start of the name, or the ID")
    _established = column("established_at", _("First administrator joined"))
    _closed = column("closed_at", _("Suspended"))
    list_display = (_NAME, _CREATED, _established, _closed)
    shown = (
        _ID,
        _NAME,
        _CREATED,
        _established,
        _closed,
        column("invitation_days", _("Invitation validity in days")),
        _has_administrator,
        column("support_may_look", _("Impersonation allowed"), boolean=True),
    )

    def find(self, text: str) -> list[UUID]:
        return search.offices(text)

    def buttons(self, row: Provider) -> list[Button]:
        return for_office(row)

    def list_buttons(self) -> list[Button]:
        return for_offices()


@admin.register(ExternalTenant, site=site)
class TenantAdmin(ReadOnly):
    """Microsoft tenants of the offices."""

    search_help_text = _("Microsoft tenant ID or office ID")
    _columns = (
        _NAME,
        column("tenant_id", _("Azure AD Tenant ID")),
        _OFFICE,
        column("proved_at", _("Confirmed")),
        column("proved_how", _("Confirmed by")),
    )
    list_display = _columns
    list_select_related = ("provider",)
    shown = (_ID, *_columns)

    def find(self, text: str) -> list[UUID]:
        return search.tenants(text)

    def buttons(self, row: ExternalTenant) -> list[Button]:
        return for_tenant(row)


@admin.register(Application, site=site)
class ProgramAdmin(ReadOnly):
    """OAuth applications of offices and partners, without their secrets."""

    search_help_text = _("Start of the name, client ID or office ID")
    _used = column("last_used_at", _("Last used"))
    _off = column("switched_off_at", _("Turned off"))
    list_display = (_NAME, _whose, _used, _off)
    list_select_related = ("provider",)
    shown = (
        _ID,
        _NAME,
        _whose,
        column("client_id", _("Client ID")),
        column("scopes", _("Scopes")),
        column("redirect_uris", _("Redirect URIs")),
        column("post_logout_redirect_uris", _("Redirect URIs after logout")),
        _has_secret,
        column("previous_until", _("Previous secret works until")),
        _used,
        _off,
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Application]:
        """Return all applications except the built-in one."""
        rows: QuerySet[Application] = Application.objects.registered().order_by(*self.ordering)
        return rows

    def find(self, text: str) -> list[UUID]:
        return search.programs(text)

    def buttons(self, row: Application) -> list[Button]:
        return for_program(row)

    def list_buttons(self) -> list[Button]:
        return for_programs()


@admin.register(Invitation, site=site)
class InvitationAdmin(ReadOnly):
    """Invitations; the mobile number is encrypted, and only the e-mail has the link."""

    search_help_text = _("Invited user: e-mail, ID or start of the name")
    _columns = (_EMAIL, related("user", _("User")), _OFFICE, _STATE, _SENT, _VALID)
    list_display = _columns
    list_select_related = ("user", "provider")
    shown = (_ID, *_columns, column("opened_at", _("Opened")))

    def find(self, text: str) -> list[UUID]:
        return search.invitations(text)


@admin.register(Message, site=site)
class MessageAdmin(ReadOnly):
    """Delivery of e-mails and SMS, without their content and the number of an SMS."""

    search_help_text = _("Recipient: username, e-mail, ID or start of the name")
    _columns = (
        column("kind", _("Type")),
        column("channel", _("Channel")),
        column("recipient", _("Recipient")),
        _STATE,
        _CREATED,
        _SENT,
        column("attempts", _("Attempts")),
        column("error", _("Failure reason")),
    )
    list_display = _columns
    shown = (_ID, *_columns, column("due", _("Next attempt")), _VALID, column("esp_id", _("ID at the mail provider")))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        """Return the messages of offices; those to support users belong to none."""
        return Message.objects.filter(provider_id__isnull=False).order_by(*self.ordering)

    def find(self, text: str) -> list[UUID]:
        return search.messages(text)
