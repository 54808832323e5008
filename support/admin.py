"""Read-only admin pages of the offices' data for support, without secrets."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import yesno
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from accounts.models import ExternalTenant, Provider, User
from invitations.models import Invitation
from oauth.models import Application
from outbox.models import Message
from permissions.checks import has_administrator
from support import admin_actions, search
from support.admin_actions import AdminActionLink
from support.admin_columns import AdminColumn, build_field_column, build_related_column
from support.site import site as site
from users.status import UserWithAccountStatus, annotate_statuses, build_status_chip


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Admin with a list of the columns `list_display` and a page of the columns `shown`; no add, change or delete.

    Changes are made with buttons, through the same actions as the offices' pages. `support.site` admits support only.
    """

    find: Callable[[str], list[UUID]]  # returns the IDs of the rows that match a text, at most a page
    shown: Sequence[AdminColumn] = ()
    build_buttons: Callable[[Any], list[AdminActionLink]] = staticmethod(lambda row: [])
    build_list_buttons: Callable[[], list[AdminActionLink]] = staticmethod(list)
    search_fields = ("pk",)  # shows the search box; `find` does the search
    actions = None
    list_per_page = search.MAX_RESULTS
    show_full_result_count = False
    ordering = ("-pk",)
    sortable_by = ()
    view_on_site = False
    change_list_template = "support/change_list.html"
    change_form_template = "support/change_form.html"

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_module_permission(self, request: HttpRequest) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
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
        return self.shown

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.shown

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> Any:
        row = self.get_object(request, object_id)
        context = {"title": str(row), "subtitle": None, "buttons": self.build_buttons(row) if row else []}
        return super().change_view(request, object_id, extra_context=context)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        title = str(self.opts.verbose_name_plural)
        context = {"title": title[:1].upper() + title[1:], "buttons": self.build_list_buttons()}
        return super().changelist_view(request, extra_context=context)


_id, _name = build_field_column("id", "id"), build_field_column("name", _("Name"))
_email, _state = build_field_column("email", _("E-mail address")), build_field_column("state", _("Status"))
_created, _sent = build_field_column("created_at", _("Created")), build_field_column("sent_at", _("Sent"))
_expires, _office = build_field_column("expires_at", _("Valid until")), build_related_column("provider", _("Office"))


@admin.display(description=_("Status"))
def _status(user: UserWithAccountStatus) -> str:
    chip = build_status_chip(user)
    return f"{chip.label} ({chip.detail})" if chip.detail else chip.label


@admin.display(description=_("E-mail and SMS"))
def _messages(user: User) -> str:
    address = reverse("admin:outbox_message_changelist")
    return format_html('<a href="{}?q={}">{}</a>', address, user.pk, _("Sent messages and their delivery"))


@admin.display(description=_("Users"))
def _office_users(provider: Provider) -> str:
    address = reverse("admin:accounts_user_changelist")
    return format_html('<a href="{}?q={}">{}</a>', address, provider.pk, _("The users of this office"))


@admin.display(description=_("Has an administrator"))
def _has_administrator(provider: Provider) -> str:
    return str(yesno(has_administrator(provider)))


@admin.display(description=_("Office"))
def _owner(application: Application) -> Any:
    return _office(application) if application.provider_id else _("every office (partner)")


@admin.display(description=_("Has a secret"))
def _has_secret(application: Application) -> str:
    return str(yesno(bool(application.client_secret)))


@admin.register(User, site=site)
class UserAdmin(ReadOnlyAdmin):
    """Users of the offices; the operator manages accounts of support."""

    search_help_text = _("Username, e-mail, ID, or start of the name: Boer, or P. de Boer")
    find, build_buttons = staticmethod(search.search_users), staticmethod(admin_actions.list_user_actions)
    _columns = (
        build_field_column("username", _("Username")),
        _email,
        _office,
        build_field_column("login_method", _("Login method")),
        _status,
    )
    list_display = (build_field_column("list_name", _("Name")), *_columns)
    shown = (
        _id,
        build_field_column("full_name", _("Name")),
        *_columns,
        _messages,
        build_field_column("accepted_at", _("Joined")),
        build_field_column("blocked_at", _("Blocked")),
        build_field_column("access_until", _("Access until")),
        build_field_column("two_factor_required", _("Two-factor required"), boolean=True),
        build_field_column("second_factor_at", _("Has two-factor since")),
        build_field_column("password_changed_at", _("Password changed")),
        build_field_column("last_login", _("Last login")),
        _created,
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        users = User.objects.filter(is_support=False).order_by(*self.ordering)
        return annotate_statuses(users.select_related("provider"))


@admin.register(Provider, site=site)
class ProviderAdmin(ReadOnlyAdmin):
    search_help_text = _("Start of the name, or the ID")
    find, build_buttons = staticmethod(search.search_offices), staticmethod(admin_actions.list_office_actions)
    build_list_buttons = staticmethod(admin_actions.list_office_list_actions)
    list_display = (
        _name,
        _created,
        build_field_column("established_at", _("First administrator joined")),
        build_field_column("suspended_at", _("Suspended")),
    )
    shown = (
        _id,
        *list_display,
        _office_users,
        build_field_column("invitation_days", _("Invitation validity in days")),
        _has_administrator,
        build_field_column("support_may_look", _("Impersonation allowed"), boolean=True),
    )


@admin.register(ExternalTenant, site=site)
class TenantAdmin(ReadOnlyAdmin):
    search_help_text = _("Microsoft tenant ID or office ID")
    find, build_buttons = staticmethod(search.search_tenants), staticmethod(admin_actions.list_tenant_actions)
    list_display = (
        _name,
        build_field_column("tenant_id", _("Azure AD Tenant ID")),
        _office,
        build_field_column("confirmed_at", _("Confirmed")),
        build_field_column("confirmation_method", _("Confirmed by")),
    )
    list_select_related = ("provider",)
    shown = (_id, *list_display)


@admin.register(Application, site=site)
class ApplicationAdmin(ReadOnlyAdmin):
    """OAuth applications of offices and partners, without their secrets and the built-in one."""

    search_help_text = _("Start of the name, client ID or office ID")
    find, build_buttons = staticmethod(search.search_applications), staticmethod(admin_actions.list_application_actions)
    build_list_buttons = staticmethod(admin_actions.list_application_list_actions)
    _used = build_field_column("last_used_at", _("Last used"))
    _off = build_field_column("switched_off_at", _("Turned off"))
    list_display = (_name, _owner, _used, _off)
    list_select_related = ("provider",)
    shown = (
        _id,
        _name,
        _owner,
        build_field_column("client_id", _("Client ID")),
        build_field_column("scopes", _("Scopes")),
        build_field_column("redirect_uris", _("Redirect URIs")),
        build_field_column("post_logout_redirect_uris", _("Redirect URIs after logout")),
        build_field_column("authentication", _("Authentication")),
        build_field_column("origins", _("Origins")),
        build_field_column("resource", _("Address as a resource server")),
        build_field_column("pushed_requests_required", _("Only pushed authorization requests"), boolean=True),
        build_field_column("pkce_optional", _("PKCE may be left out"), boolean=True),
        build_field_column("backchannel_logout_uri", _("Address for logging out")),
        _has_secret,
        build_field_column("previous_until", _("Previous secret works until")),
        _used,
        _off,
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Application]:
        rows: QuerySet[Application] = Application.objects.registered().order_by(*self.ordering)
        return rows


@admin.register(Invitation, site=site)
class InvitationAdmin(ReadOnlyAdmin):
    """Invitations; the mobile number is encrypted, and only the e-mail has the link."""

    search_help_text = _("Invited user: e-mail, ID or start of the name")
    find = staticmethod(search.search_invitations)
    list_display = (_email, build_related_column("user", _("User")), _office, _state, _sent, _expires)
    list_select_related = ("user", "provider")
    shown = (_id, *list_display, build_field_column("opened_at", _("Opened")))


@admin.register(Message, site=site)
class MessageAdmin(ReadOnlyAdmin):
    """Delivery of e-mails and SMS, without their content and the number of an SMS."""

    search_help_text = _("Recipient: username, e-mail, ID or start of the name")
    find = staticmethod(search.search_messages)
    list_display = (
        build_field_column("kind", _("Type")),
        build_field_column("channel", _("Channel")),
        build_field_column("recipient", _("Recipient")),
        _state,
        _created,
        _sent,
        build_field_column("attempts", _("Attempts")),
        build_field_column("error", _("Failure reason")),
    )
    shown = (
        _id,
        *list_display,
        build_field_column("due", _("Next attempt")),
        _expires,
        build_field_column("delivered_at", _("Delivered on")),
        build_field_column("esp_id", _("ID at the mail provider")),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        return Message.objects.filter(provider_id__isnull=False).order_by(*self.ordering)
