"""Compare one row of a user import with the stored user, giving the item of the plan."""

from collections.abc import Iterable
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import passwords, validators
from accounts.models import ExternalTenant, LoginMethod, Provider, User
from audit.changes import Changes
from core.keys import compute_email_key, compute_name_key, compute_username_key, is_same_value
from imports.files.file_notes import RowNote
from imports.files.user_rows import IDENTITY_COLUMNS, UserRow, UserWithAccess
from imports.plans.office_lookup import OfficeLookup
from imports.plans.plan import Plan, PlanItem
from imports.plans.row_notes import note_missing_access
from invitations.phone_numbers import compute_phone_key
from notifications import preferences
from notifications.preference_text import serialize_overrides
from notifications.preferences import OverridesByType, PreferenceOverride
from permissions.catalog import Right, rights_from_codes

DETAIL_FIELDS = (
    "initials", "prefix", "last_name", "first_name", "phone_number", "place_of_employment",
    "has_access_to_test_years", "access_until", "two_factor_required",
)  # fmt: skip
_WELCOME_EMAILS = {LoginMethod.WEBSITE_SSO: "invitation", LoginMethod.AZURE_AD: "microsoft"}
NOTIFICATION_FIELDS = frozenset({"signals", "signal_set"})
_MICROSOFT_FIELDS = ("external_tenant", "external_user_id")


def convert_to_plan_value(value: Any) -> Any:
    if isinstance(value, ExternalTenant):
        return str(value.tenant_id)
    return value if isinstance(value, str | bool | list) or value is None else str(value)


def plan_new_user(row: UserRow, plan: Plan, office: OfficeLookup) -> PlanItem:
    """Return the item that creates a user; missing values and values that do not fit the login method are refused."""
    kind = row.values.get("login_method")
    # Of a row whose user is not certain, only columns that the file has are known to be missing.
    is_certain = not any(map(row.has_problem, IDENTITY_COLUMNS))
    for column, message in (
        ("login_method", _("Enter the login method of this new user.")),
        ("initials", _("Enter the initials.")),
        ("last_name", _("Enter the last name.")),
        ("email", _("Enter the e-mail address.")),
    ):
        if is_certain or column in row.values:
            row.require_value(column, message)
    _check_login_method_fields(row, kind)
    if kind == LoginMethod.WEBSITE_SSO:
        for column in ("username", "password"):
            if row.has_value(column):
                row.add_problem(column, _("Users choose this when they accept the invitation. Leave it empty."))
        _check_invitation(row, plan, _("New users with this login method are invited. Allow invitations to be sent."))
    elif kind is not None:
        _check_credentials(row, kind, office.provider)
    if row.values.get("blocked"):
        row.add_problem("blocked", _("A new user cannot be blocked. Remove this row."))
    row.validate("access_until", validators.validate_access_until)
    columns = [*DETAIL_FIELDS, "login_method", "username", "email", *_MICROSOFT_FIELDS, "teams", "individual_rights"]
    values = {name: row.values[name] for name in columns if row.has_value(name)}
    if row.has_value("authorization_set"):
        values["authorization_set"] = row.values["authorization_set"].name
        own = rights_from_codes(values.get("individual_rights", []))
        values["individual_rights"] = sorted(
            own | _find_missing_rights(row, values.get("teams", []), own, plan, office)
        )
    elif "individual_rights" in values:
        values["individual_rights"] = sorted(set(values["individual_rights"]))
    changes = {name: [None, convert_to_plan_value(value)] for name, value in values.items() if value is not False}
    changes |= _diff_notifications(row, {})
    mails = [_WELCOME_EMAILS[kind]] if kind in _WELCOME_EMAILS else []
    return PlanItem(row=row.row, id=None, name=_build_list_name(row), is_new=True, changes=changes, mails=mails)


def _build_list_name(row: UserRow) -> str:
    get = row.values.get
    return User(initials=get("initials", ""), prefix=get("prefix", ""), last_name=get("last_name", "")).list_name


def _check_login_method_fields(row: UserRow, kind: LoginMethod | None) -> None:
    """Refuse values that do not apply to the login method (rule 2)."""
    if kind is not None:
        row.validate("two_factor_required", validators.validate_two_factor_required, kind)
    if kind is not None and kind != LoginMethod.AZURE_AD:
        for column in _MICROSOFT_FIELDS:
            if row.has_value(column):
                row.add_problem(column, _("Only Azure AD users have this. Leave it empty."))


def _check_invitation(row: UserRow, plan: Plan, without: str) -> None:
    if not plan.invite:
        row.add_problem("login_method", without)
    else:
        row.require_value("mobile_number", _("Enter the mobile number for the invitation."))


def _check_credentials(row: UserRow, kind: LoginMethod, provider: Provider) -> None:
    row.require_value("username", _("Enter a username."))
    if kind == LoginMethod.AZURE_AD:
        row.require_value("external_tenant", _("Choose a tenant."))
        row.require_value("external_user_id", _("Enter the user's Object ID."))
    elif not row.has_value("password"):
        row.require_value("password", _("Enter a password."))
    else:
        names = ("initials", "first_name", "last_name", "email", "username")
        user = User(provider=provider, **{name: row.values.get(name) or "" for name in names})
        row.validate("password", passwords.validate_password, about=passwords.build_password_context(user))


def plan_existing_user(row: UserRow, user: UserWithAccess, plan: Plan, office: OfficeLookup | None = None) -> PlanItem:
    """Return the item that updates an existing user. Omitted columns are left unchanged.

    `office` is needed for rows with an authorization set.
    """
    changes: Changes = {}
    mails: list[str] = []
    for name in DETAIL_FIELDS:
        is_kept = name not in row.values or (name in ("initials", "last_name") and not row.has_value(name))
        if not is_kept and not _is_same_detail(name, row.values[name], getattr(user, name)):
            changes[name] = [convert_to_plan_value(getattr(user, name)), convert_to_plan_value(row.values[name])]
    row.validate("access_until", validators.validate_access_until, stored=user.access_until)
    kind = row.values.get("login_method") or LoginMethod(user.login_method)
    _check_login_method_fields(row, kind)
    _change_login_method(row, user, kind, changes, mails, plan)
    _change_email(row, user, changes, mails, plan)
    if "blocked" in row.values and row.values["blocked"] != (user.blocked_at is not None):
        changes["blocked"] = [user.blocked_at is not None, row.values["blocked"]]
        mails.append("blocked" if row.values["blocked"] else "unblocked")
    _change_rights(row, user, changes, plan, office)
    changes |= _diff_notifications(row, preferences.load_overrides(user.setting_rows))
    note_missing_access(row, user, changes, plan)
    if row.has_value("password"):
        plan.notices[_("Passwords of existing users are ignored.")] += 1
    return PlanItem(row=row.row, id=str(user.pk), name=user.list_name, is_new=False, changes=changes, mails=mails)


def _is_same_detail(name: str, value: Any, stored: Any) -> bool:
    """Return whether a cell says what is stored, however its letters are composed or its digits are grouped."""
    if name == "phone_number":
        return compute_phone_key(value) == compute_phone_key(stored)
    return is_same_value(value, stored)


def _change_login_method(
    row: UserRow, user: User, kind: LoginMethod, changes: Changes, mails: list[str], plan: Plan
) -> None:
    has_name = user.username is not None
    is_other = row.has_value("username") and compute_username_key(row.values["username"]) != user.username_key
    if has_name and is_other and not row.has_problem("username"):
        row.add_problem("username", _("A username cannot be changed. Enter the current one, or leave it empty."))
    account = (row.values.get("external_tenant"), row.values.get("external_user_id"))
    if kind == LoginMethod.AZURE_AD:
        present = (user.external_tenant, user.external_user_id)
        new = tuple(value or old for value, old in zip(account, present, strict=True))
        if not user.is_azure_user and not has_name and not row.has_value("username"):
            row.add_problem("username", _("Enter a username."))
        if None in new:
            row.add_problem("external_user_id", _("Enter the tenant and the user's Object ID."))
        elif new != present:
            changes["external_tenant"] = [convert_to_plan_value(present[0]), convert_to_plan_value(new[0])]
            changes["external_user_id"] = [convert_to_plan_value(present[1]), convert_to_plan_value(new[1])]
            mails.append("microsoft")
            if not has_name and row.has_value("username"):
                changes["username"] = [None, row.values["username"]]
    elif row.has_value("username") and not has_name:
        row.add_problem("username", _("Users choose this when they accept the invitation. Leave it empty."))
    if kind == user.login_method:
        return
    changes["login_method"] = [user.login_method, kind.value]
    if kind == LoginMethod.WEBSITE_SSO:
        changes["username"] = [user.username, None]
        changes["external_tenant"] = [convert_to_plan_value(user.external_tenant), None]
        changes["external_user_id"] = [convert_to_plan_value(user.external_user_id), None]
    if kind == LoginMethod.WEBSITE_SSO and user.is_azure_user:
        _check_invitation(
            row, plan, _("Users who change to this login method are invited. Allow invitations to be sent.")
        )
        mails.append("invitation")
    elif kind != LoginMethod.AZURE_AD:
        message = _("The current login method cannot be changed to this one. Create a new user.")
        row.add_problem("login_method", message)


def _change_email(row: UserRow, user: UserWithAccess, changes: Changes, mails: list[str], plan: Plan) -> None:
    if not row.has_value("email") or compute_email_key(row.values["email"]) == user.email_key:
        return
    pending = getattr(user, "email_change", None)
    if user.accepted_at is None or "login_method" in changes:
        _check_invitation(row, plan, _("A different address requires a new invitation. Allow invitations to be sent."))
        mails.append("invitation")
    elif (
        pending is not None
        and compute_email_key(pending.email) == compute_email_key(row.values["email"])
        and pending.expires_at > timezone.now()
    ):
        plan.notices[_("New e-mail addresses that await confirmation are ignored.")] += 1
        return
    else:
        mails += ["confirm_address", "address_asked"]
    changes["email"] = [user.email, row.values["email"]]


def _change_rights(
    row: UserRow, user: UserWithAccess, changes: Changes, plan: Plan, office: OfficeLookup | None
) -> None:
    teams = sorted(member.team.name for member in user.membership_rows)
    if "teams" in row.values and row.values["teams"] != teams:
        changes["teams"] = [teams, row.values["teams"]]
    own = rights_from_codes(row.right for row in user.right_rows)
    new = frozenset(row.values["individual_rights"]) if "individual_rights" in row.values else own
    if row.has_value("authorization_set") and office is not None:
        missing = _find_missing_rights(row, row.values.get("teams", teams), new, plan, office)
        if not missing <= own:
            changes["authorization_set"] = [None, row.values["authorization_set"].name]
        new |= missing
    if new != own:
        changes["individual_rights"] = [sorted(own), sorted(new)]


def _find_missing_rights(
    row: UserRow, teams: Iterable[str], own: frozenset[Right], plan: Plan, office: OfficeLookup
) -> frozenset[Right]:
    """Return the rights of the set that are to become individual rights, and note that `teams` give others."""
    rights: frozenset[Right] = row.values["authorization_set"].rights
    ids = frozenset(office.teams[compute_name_key(name)].pk for name in teams)
    given = office.team_reach.find_covered_rights(ids, own | rights) & rights - own
    if given:
        plan.notes.add_row(RowNote.GIVEN_BY_TEAM, row.row)
    return rights - given


def _diff_notifications(row: UserRow, own: OverridesByType) -> Changes:
    """Return the changes to the notification settings of a user; a set overrides the settings it contains."""
    changes: Changes = {}
    new: OverridesByType = row.values.get("signals", own)
    if row.has_value("signal_set"):
        bundle = row.values["signal_set"]
        held = {
            type_: PreferenceOverride(*preference)
            for type_, preference in preferences.get_set_preferences(bundle).items()
        }
        if not held.items() <= own.items():
            changes["signal_set"] = [None, bundle.name]
        new = new | held
    if new != own:
        changes["signals"] = [serialize_overrides(own), serialize_overrides(new)]
    return changes
