"""Compare one row of a user import with the stored user, giving the item of the plan."""

from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import passwords
from accounts.models import ExternalTenant, LoginMethod, Provider, User
from audit.changes import Changes
from core.text import compute_username_key
from imports.files.user_rows import UserRow
from imports.plans.plan import Plan, PlanItem
from notifications import preferences
from notifications.preference_text import serialize_overrides
from notifications.preferences import OverridesByType, PreferenceOverride
from permissions.catalog import rights_from_codes

DETAIL_FIELDS = (
    "initials", "prefix", "last_name", "first_name", "phone_number", "place_of_employment",
    "has_access_to_test_years", "access_until", "two_factor_required",
)  # fmt: skip
_WELCOME_EMAILS = {LoginMethod.WEBSITE_SSO: "invitation", LoginMethod.AZURE_AD: "microsoft"}
NOTIFICATION_FIELDS = frozenset({"signals", "signal_set"})
_MICROSOFT_FIELDS = ("external_tenant", "external_user_id")


def convert_to_plan_value(value: Any) -> Any:
    """Convert a value to the form stored in plans."""
    if isinstance(value, ExternalTenant):
        return str(value.tenant_id)
    return value if isinstance(value, str | bool | list) or value is None else str(value)


def plan_new_user(wanted: UserRow, plan: Plan, provider: Provider) -> PlanItem:
    """Return the item that creates a user; missing values and values that do not fit the login method are refused."""
    kind = wanted.values.get("login_method")
    if kind is None:
        wanted.add_problem("login_method", _("Enter the login method of this new user."))
    for column, message in (
        ("initials", _("Enter the initials.")),
        ("last_name", _("Enter the last name.")),
        ("email", _("Enter the e-mail address.")),
    ):
        if not wanted.has_value(column):
            wanted.add_problem(column, message)
    _check_login_method_fields(wanted, kind)
    if kind == LoginMethod.WEBSITE_SSO:
        _check_invitation(
            wanted, plan, _("New users with this login method are invited. Allow invitations to be sent.")
        )
    elif kind is not None:
        _check_credentials(wanted, kind, provider)
    if wanted.values.get("blocked"):
        wanted.add_problem("blocked", _("A new user cannot be blocked. Remove this row."))
    _check_access_until(wanted, None)
    columns = [*DETAIL_FIELDS, "login_method", "username", "email", *_MICROSOFT_FIELDS, "teams", "individual_rights"]
    values = {name: wanted.values[name] for name in columns if wanted.has_value(name)}
    if wanted.has_value("authorization_set"):
        values["authorization_set"] = wanted.values["authorization_set"].name
        own = [*values.get("individual_rights", []), *wanted.values["authorization_set"].rights]
        values["individual_rights"] = sorted(set(own))
    elif "individual_rights" in values:
        values["individual_rights"] = sorted(set(values["individual_rights"]))
    changes = {name: [None, convert_to_plan_value(value)] for name, value in values.items() if value is not False}
    changes |= _diff_notifications(wanted, {})
    mails = [_WELCOME_EMAILS[kind]] if kind in _WELCOME_EMAILS else []
    return PlanItem(row=wanted.row, id=None, name=_build_list_name(wanted), is_new=True, changes=changes, mails=mails)


def _build_list_name(wanted: UserRow) -> str:
    get = wanted.values.get
    return User(initials=get("initials", ""), prefix=get("prefix", ""), last_name=get("last_name", "")).list_name


def _check_login_method_fields(wanted: UserRow, kind: LoginMethod | None) -> None:
    """Refuse values that do not apply to the login method (rule 2)."""
    if kind == LoginMethod.WEBSITE_SSO:
        for column in ("username", "password"):
            if wanted.has_value(column):
                wanted.add_problem(column, _("Users choose this when they accept the invitation. Leave it empty."))
    if kind not in (None, LoginMethod.WEBSITE_SSO) and wanted.values.get("two_factor_required"):
        message = _("Two-factor authentication can only be required for users via website and SSO.")
        wanted.add_problem("two_factor_required", message)
    if kind not in (None, LoginMethod.AZURE_AD):
        for column in _MICROSOFT_FIELDS:
            if wanted.has_value(column):
                wanted.add_problem(column, _("Only Azure AD users have this. Leave it empty."))


def _check_invitation(wanted: UserRow, plan: Plan, without: str) -> None:
    if not plan.invite:
        wanted.add_problem("login_method", without)
    elif not wanted.has_value("mobile_number"):
        wanted.add_problem("mobile_number", _("Enter the mobile number for the invitation."))


def _check_credentials(wanted: UserRow, kind: LoginMethod, provider: Provider) -> None:
    if not wanted.has_value("username"):
        wanted.add_problem("username", _("Enter a username."))
    if kind == LoginMethod.AZURE_AD:
        for column, message in (
            ("external_tenant", _("Choose a tenant.")),
            ("external_user_id", _("Enter the user's Object ID.")),
        ):
            if not wanted.has_value(column):
                wanted.add_problem(column, message)
    elif not wanted.has_value("password"):
        wanted.add_problem("password", _("Enter a password."))
    else:
        names = ("initials", "first_name", "last_name", "email", "username")
        person = User(provider=provider, **{name: wanted.values.get(name) or "" for name in names})
        try:
            passwords.validate_password(wanted.values["password"], about=passwords.build_password_context(person))
        except ValidationError as error:
            wanted.add_problem("password", " ".join(error.messages))


def _check_access_until(wanted: UserRow, present: date | None) -> None:
    until = wanted.values.get("access_until")
    if until is not None and until < timezone.localdate() and until != present:
        wanted.add_problem("access_until", _("This date is in the past. To end access now, block the account."))


def plan_existing_user(wanted: UserRow, user: User, plan: Plan) -> PlanItem:
    """Return the item that updates an existing user. Omitted columns are left unchanged."""
    changes: Changes = {}
    mails: list[str] = []
    for name in DETAIL_FIELDS:
        if (
            name in wanted.values
            and wanted.values[name] != getattr(user, name)
            and not _keeps_stored_value(name, wanted)
        ):
            changes[name] = [convert_to_plan_value(getattr(user, name)), convert_to_plan_value(wanted.values[name])]
    _check_access_until(wanted, user.access_until)
    kind = wanted.values.get("login_method") or LoginMethod(user.login_method)
    if kind != LoginMethod.WEBSITE_SSO and wanted.values.get("two_factor_required"):
        wanted.add_problem(
            "two_factor_required", _("Two-factor authentication can only be required for users via website and SSO.")
        )
    if kind != LoginMethod.AZURE_AD:
        for column in _MICROSOFT_FIELDS:
            if wanted.has_value(column):
                wanted.add_problem(column, _("Only Azure AD users have this. Leave it empty."))
    _change_login_method(wanted, user, kind, changes, mails, plan)
    _change_email(wanted, user, changes, mails, plan)
    if "blocked" in wanted.values and wanted.values["blocked"] != (user.blocked_at is not None):
        changes["blocked"] = [user.blocked_at is not None, wanted.values["blocked"]]
        mails.append("blocked" if wanted.values["blocked"] else "unblocked")
    _change_rights(wanted, user, changes)
    changes |= _diff_notifications(wanted, preferences.load_overrides(user.signal_settings.all()))
    if wanted.has_value("password"):
        plan.notices[_("Passwords of existing users are ignored.")] += 1
    return PlanItem(row=wanted.row, id=str(user.pk), name=user.list_name, is_new=False, changes=changes, mails=mails)


def _keeps_stored_value(name: str, wanted: UserRow) -> bool:
    """Return whether an empty cell leaves the stored value unchanged because the field is required."""
    return name in ("initials", "last_name") and not wanted.has_value(name)


def _change_login_method(
    wanted: UserRow, user: User, kind: LoginMethod, changes: Changes, mails: list[str], plan: Plan
) -> None:
    has_name = user.username is not None
    is_other = wanted.has_value("username") and compute_username_key(wanted.values["username"]) != user.username_key
    if has_name and is_other and not wanted.has_problem("username"):
        wanted.add_problem("username", _("A username cannot be changed. Enter the current one, or leave it empty."))
    account = (wanted.values.get("external_tenant"), wanted.values.get("external_user_id"))
    if kind == LoginMethod.AZURE_AD:
        present = (user.external_tenant, user.external_user_id)
        new = tuple(value or old for value, old in zip(account, present, strict=True))
        if not user.is_azure_user and not has_name and not wanted.has_value("username"):
            wanted.add_problem("username", _("Enter a username."))
        if None in new:
            wanted.add_problem("external_user_id", _("Enter the tenant and the user's Object ID."))
        elif new != present:
            changes["external_tenant"] = [convert_to_plan_value(present[0]), convert_to_plan_value(new[0])]
            changes["external_user_id"] = [convert_to_plan_value(present[1]), convert_to_plan_value(new[1])]
            mails.append("microsoft")
            if not has_name and wanted.has_value("username"):
                changes["username"] = [None, wanted.values["username"]]
    elif wanted.has_value("username") and not has_name:
        wanted.add_problem("username", _("Users choose this when they accept the invitation. Leave it empty."))
    if kind == user.login_method:
        return
    changes["login_method"] = [user.login_method, kind.value]
    if kind == LoginMethod.WEBSITE_SSO:
        changes["username"] = [user.username, None]
        changes["external_tenant"] = [convert_to_plan_value(user.external_tenant), None]
        changes["external_user_id"] = [convert_to_plan_value(user.external_user_id), None]
    if kind == LoginMethod.WEBSITE_SSO and user.is_azure_user:
        _check_invitation(
            wanted, plan, _("Users who change to this login method are invited. Allow invitations to be sent.")
        )
        mails.append("invitation")
    elif kind != LoginMethod.AZURE_AD:
        message = _("The current login method cannot be changed to this one. Create a new user.")
        wanted.add_problem("login_method", message)


def _change_email(wanted: UserRow, user: User, changes: Changes, mails: list[str], plan: Plan) -> None:
    if not wanted.has_value("email") or wanted.values["email"] == user.email:
        return
    pending = getattr(user, "email_change", None)
    if user.accepted_at is None or "login_method" in changes:
        _check_invitation(
            wanted, plan, _("A different address requires a new invitation. Allow invitations to be sent.")
        )
        mails.append("invitation")
    elif pending is not None and pending.email == wanted.values["email"] and pending.expires_at > timezone.now():
        plan.notices[_("New e-mail addresses that await confirmation are ignored.")] += 1
        return
    else:
        mails += ["confirm_address", "address_asked"]
    changes["email"] = [user.email, wanted.values["email"]]


def _change_rights(wanted: UserRow, user: User, changes: Changes) -> None:
    teams = sorted(member.team.name for member in user.memberships.all())
    if "teams" in wanted.values and wanted.values["teams"] != teams:
        changes["teams"] = [teams, wanted.values["teams"]]
    own = rights_from_codes(row.right for row in user.individual_rights.all())
    new = frozenset(wanted.values["individual_rights"]) if "individual_rights" in wanted.values else own
    if wanted.has_value("authorization_set"):
        bundle = wanted.values["authorization_set"]
        if not bundle.rights <= own:
            changes["authorization_set"] = [None, bundle.name]
        new |= bundle.rights
    if new != own:
        changes["individual_rights"] = [sorted(own), sorted(new)]


def _diff_notifications(wanted: UserRow, own: OverridesByType) -> Changes:
    """Return the changes to the notification settings of a user; a set overrides the settings it contains."""
    changes: Changes = {}
    new: OverridesByType = wanted.values.get("signals", own)
    if wanted.has_value("signal_set"):
        bundle = wanted.values["signal_set"]
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
