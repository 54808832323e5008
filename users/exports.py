"""Export of users: CSV and XLSX for spreadsheets, JSONL for programs."""

from typing import IO, Any

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.models import LoginMethod, Provider, User
from audit.actors import Actor, action
from authentication.mfa.status import TwoFactorStatus
from core.export_files import ExportColumns, ExportValue, FileFormat, write_export_file
from core.sheets import join_names
from notifications import preference_text, preferences
from permissions import checks
from permissions.action_helpers import record_export
from permissions.catalog import rights_from_codes, sort_rights
from permissions.checks import Right
from users.filters import UserFilters
from users.status import AccountStatus, UserWithStatuses

_FETCH_SIZE = 1000  # fetched at a time


def _get_field_label(name: str) -> str | Promise:
    label: str | Promise = User._meta.get_field(name).verbose_name  # type: ignore[union-attr]
    return label


# Names as in the model, `annotate_statuses` and domain.md.
USER_COLUMNS: ExportColumns = {
    "id": ("Id", 38),
    "login_method": (_get_field_label("login_method"), 24),
    "username": (_get_field_label("username"), 24),
    "initials": (_get_field_label("initials"), 12),
    "prefix": (_get_field_label("prefix"), 12),
    "last_name": (_get_field_label("last_name"), 26),
    "first_name": (_get_field_label("first_name"), 20),
    "email": (_get_field_label("email"), 34),
    "phone_number": (_get_field_label("phone_number"), 16),
    "place_of_employment": (_get_field_label("place_of_employment"), 20),
    "has_access_to_test_years": (_get_field_label("has_access_to_test_years"), 12),
    "access_until": (_get_field_label("access_until"), 14),
    "two_factor_required": (_get_field_label("two_factor_required"), 12),
    "external_tenant": (gettext_lazy("Azure AD Tenant ID"), 38),
    "external_user_id": (_get_field_label("external_user_id"), 38),
    "teams": (gettext_lazy("Teams"), 40),
    "individual_rights": (gettext_lazy("Individual rights"), 40),
    "signals": (pgettext_lazy("told", "Notifications"), 40),
    "blocked": (gettext_lazy("Blocked"), 12),
    "status": (gettext_lazy("Status"), 20),
    "two_factor": (gettext_lazy("Two-factor"), 20),
    "created_at": (gettext_lazy("Created on"), 18),
    "last_login": (gettext_lazy("Last login"), 18),
}


@action()
def export_users(
    provider: Provider, users: QuerySet[UserWithStatuses], *, form: FileFormat, filters: UserFilters, by: Actor
) -> IO[bytes]:
    """Return a file, at its start, and record an event with `filters`. Raises PermissionDenied without view_users."""
    checks.require_office(by, provider.pk)
    checks.require_right(by, Right.VIEW_USERS)
    users = users.filter(provider=provider).order_by("sort_name", "pk")
    users = users.prefetch_related("memberships__team", "individual_rights", "notification_settings")
    rows = map(_get_user_values, users.iterator(_FETCH_SIZE))
    file = write_export_file(rows, USER_COLUMNS, title=_("Users"), form=form)
    texts = {name: value if isinstance(value, str) else ",".join(value) for name, value in filters.items()}
    record_export(provider, "users", {"form": form, **texts}, by=by)
    return file


def _get_user_values(user: UserWithStatuses) -> dict[str, Any]:
    teams = sorted(member.team.name for member in user.memberships.all())
    codes = rights_from_codes(row.right for row in user.individual_rights.all())
    overrides = preferences.load_overrides(user.notification_settings.all())
    computed = {
        "login_method": LoginMethod(user.login_method),
        "external_tenant": user.external_tid,
        "teams": teams,
        "individual_rights": sort_rights(codes),
        "signals": ExportValue(
            preference_text.serialize_overrides(overrides), join_names(preference_text.format_overrides(overrides))
        ),
        "status": AccountStatus(user.status),
        "two_factor": TwoFactorStatus(user.two_factor) if user.two_factor else "",
        "blocked": user.blocked_at is not None,
    }
    return {name: computed[name] if name in computed else getattr(user, name) for name in USER_COLUMNS}
