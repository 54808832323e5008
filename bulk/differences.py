"""Compare one row of a user import with the stored user, giving the item of the plan."""

from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import passwords
from accounts.models import ExternalTenant, LoginMethod, Provider, User
from bulk.people import Wanted
from bulk.plan import Item, Plan
from loket.text import username_key
from notifications import wishes
from notifications.wishes import Own, Owns
from notifications.written import coded
from teams.catalogue import known

DETAILS = (
    "initials", "prefix", "last_name", "first_name", "phone_number", "place_of_employment",
    "has_access_to_test_years", "access_until", "two_factor_required",
)  # fmt: skip
_WELCOMES = {LoginMethod.WEBSITE_SSO: "invitation", LoginMethod.AZURE_AD: "microsoft"}
SIGNALS = frozenset({"signals", "signal_set"})
_ACCOUNT = ("external_tenant", "external_user_id")


def plain(value: Any) -> Any:
    """Convert a value to the form stored in plans."""
    if isinstance(value, ExternalTenant):
        return str(value.tenant_id)
    return value if isinstance(value, str | bool | list) or value is None else str(value)


def created(wanted: Wanted, plan: Plan, provider: Provider) -> Item:
    """Return the item that creates a user; missing values and values that do not fit the login method are refused."""
    kind = wanted.values.get("login_method")
    if kind is None:
        wanted.refuse("login_method", _("Enter the login method of this new user."))
    for column, message in (
        ("initials", _("Enter the initials.")),
        ("last_name", _("Enter the last name.")),
        ("email", _("Enter the e-mail address.")),
    ):
        if not wanted.has(column):
            wanted.refuse(column, message)
    _check_kind(wanted, kind)
    if kind == LoginMethod.WEBSITE_SSO:
        _check_invitation(
            wanted, plan, _("New users with this login method are invited. Allow invitations to be sent.")
        )
    elif kind is not None:
        _check_account(wanted, kind, provider)
    if wanted.values.get("blocked"):
        wanted.refuse("blocked", _("A new user cannot be blocked. Remove this row."))
    _check_end(wanted, None)
    columns = [*DETAILS, "login_method", "username", "email", *_ACCOUNT, "teams", "individual_rights"]
    values = {name: wanted.values[name] for name in columns if wanted.has(name)}
    if wanted.has("authorization_set"):
        values["authorization_set"] = wanted.values["authorization_set"].name
        own = [*values.get("individual_rights", []), *wanted.values["authorization_set"].rights]
        values["individual_rights"] = sorted(set(own))
    elif "individual_rights" in values:
        values["individual_rights"] = sorted(set(values["individual_rights"]))
    changes = {name: [None, plain(value)] for name, value in values.items() if value is not False}
    changes |= _signals(wanted, {})
    mails = [_WELCOMES[kind]] if kind in _WELCOMES else []
    return Item(row=wanted.row, id=None, name=_name(wanted), is_new=True, changes=changes, mails=mails)


def _name(wanted: Wanted) -> str:
    get = wanted.values.get
    return User(initials=get("initials", ""), prefix=get("prefix", ""), last_name=get("last_name", "")).list_name


def _check_kind(wanted: Wanted, kind: LoginMethod | None) -> None:
    """Refuse values that do not apply to the login method (rule 2)."""
    if kind == LoginMethod.WEBSITE_SSO:
        for column in ("username", "password"):
            if wanted.has(column):
                wanted.refuse(column, _("Users choose this when they accept the invitation. Leave it empty."))
    if kind not in (None, LoginMethod.WEBSITE_SSO) and wanted.values.get("two_factor_required"):
        message = _("Two-factor authentication can only be required for users via website and SSO.")
        wanted.refuse("two_factor_required", message)
    if kind not in (None, LoginMethod.AZURE_AD):
        for column in _ACCOUNT:
            if wanted.has(column):
                wanted.refuse(column, _("Only Azure AD users have this. Leave it empty."))


def _check_invitation(wanted: Wanted, plan: Plan, without: str) -> None:
    if not plan.invite:
        wanted.refuse("login_method", without)
    elif not wanted.has("mobile_number"):
        wanted.refuse("mobile_number", _("Enter the mobile number for the invitation."))


def _check_account(wanted: Wanted, kind: LoginMethod, provider: Provider) -> None:
    if not wanted.has("username"):
        wanted.refuse("username", _("Enter a username."))
    if kind == LoginMethod.AZURE_AD:
        for column, message in (
            ("external_tenant", _("Choose a tenant.")),
            ("external_user_id", _("Enter the user's Object ID.")),
        ):
            if not wanted.has(column):
                wanted.refuse(column, message)
    elif not wanted.has("password"):
        wanted.refuse("password", _("Enter a password."))
    else:
        names = ("initials", "first_name", "last_name", "email", "username")
        person = User(provider=provider, **{name: wanted.values.get(name) or "" for name in names})
        try:
            passwords.check(wanted.values["password"], about=passwords.about_user(person))
        except ValidationError as error:
            wanted.refuse("password", " ".join(error.messages))


def _check_end(wanted: Wanted, present: date | None) -> None:
    until = wanted.values.get("access_until")
    if until is not None and until < timezone.localdate() and until != present:
        wanted.refuse("access_until", _("This date is in the past. To end access now, block the account."))


def changed(wanted: Wanted, user: User, plan: Plan) -> Item:
    """Return the item that updates an existing user. Omitted columns are left unchanged."""
    changes: dict[str, list[Any]] = {}
    mails: list[str] = []
    for name in DETAILS:
        if name in wanted.values and wanted.values[name] != getattr(user, name) and not _keeps(name, wanted):
            changes[name] = [plain(getattr(user, name)), plain(wanted.values[name])]
    _check_end(wanted, user.access_until)
    kind = wanted.values.get("login_method") or LoginMethod(user.login_method)
    if kind != LoginMethod.WEBSITE_SSO and wanted.values.get("two_factor_required"):
        wanted.refuse(
            "two_factor_required", _("Two-factor authentication can only be required for users via website and SSO.")
        )
    if kind != LoginMethod.AZURE_AD:
        for column in _ACCOUNT:
            if wanted.has(column):
                wanted.refuse(column, _("Only Azure AD users have this. Leave it empty."))
    _change_kind(wanted, user, kind, changes, mails, plan)
    _change_email(wanted, user, changes, mails, plan)
    if "blocked" in wanted.values and wanted.values["blocked"] != (user.blocked_at is not None):
        changes["blocked"] = [user.blocked_at is not None, wanted.values["blocked"]]
        mails.append("blocked" if wanted.values["blocked"] else "unblocked")
    _change_rights(wanted, user, changes)
    changes |= _signals(wanted, wishes.read(user.signal_settings.all()))
    if wanted.has("password"):
        plan.notices[_("Passwords of existing users are ignored.")] += 1
    return Item(row=wanted.row, id=str(user.pk), name=user.list_name, is_new=False, changes=changes, mails=mails)


def _keeps(name: str, wanted: Wanted) -> bool:
    """Return whether an empty cell leaves the stored value unchanged because the field is required."""
    return name in ("initials", "last_name") and not wanted.has(name)


def _change_kind(
    wanted: Wanted, user: User, kind: LoginMethod, changes: dict[str, list[Any]], mails: list[str], plan: Plan
) -> None:
    has_name = user.username is not None
    is_other = wanted.has("username") and username_key(wanted.values["username"]) != user.username_key
    if has_name and is_other and not wanted.is_refused("username"):
        wanted.refuse("username", _("A username cannot be changed. Enter the current one, or leave it empty."))
    account = (wanted.values.get("external_tenant"), wanted.values.get("external_user_id"))
    if kind == LoginMethod.AZURE_AD:
        present = (user.external_tenant, user.external_user_id)
        new = tuple(value or old for value, old in zip(account, present, strict=True))
        if not user.is_azure_user and not has_name and not wanted.has("username"):
            wanted.refuse("username", _("Enter a username."))
        if None in new:
            wanted.refuse("external_user_id", _("Enter the tenant and the user's Object ID."))
        elif new != present:
            changes["external_tenant"] = [plain(present[0]), plain(new[0])]
            changes["external_user_id"] = [plain(present[1]), plain(new[1])]
            mails.append("microsoft")
            if not has_name and wanted.has("username"):
                changes["username"] = [None, wanted.values["username"]]
    elif wanted.has("username") and not has_name:
        wanted.refuse("username", _("Users choose this when they accept the invitation. Leave it empty."))
    if kind == user.login_method:
        return
    changes["login_method"] = [user.login_method, kind.value]
    if kind == LoginMethod.WEBSITE_SSO:
        changes |= {"username": [user.username, None], "external_tenant": [plain(user.external_tenant), None]}
        changes["external_user_id"] = [plain(user.external_user_id), None]
    if kind == LoginMethod.WEBSITE_SSO and user.is_azure_user:
        _check_invitation(
            wanted, plan, _("Users who change to this login method are invited. Allow invitations to be sent.")
        )
        mails.append("invitation")
    elif kind != LoginMethod.AZURE_AD:
        wanted.refuse("login_method", _("The current login method cannot be changed to this one. Create a new user."))


def _change_email(wanted: Wanted, user: User, changes: dict[str, list[Any]], mails: list[str], plan: Plan) -> None:
    if not wanted.has("email") or wanted.values["email"] == user.email:
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


def _change_rights(wanted: Wanted, user: User, changes: dict[str, list[Any]]) -> None:
    teams = sorted(member.team.name for member in user.memberships.all())
    if "teams" in wanted.values and wanted.values["teams"] != teams:
        changes["teams"] = [teams, wanted.values["teams"]]
    own = known(row.right for row in user.individual_rights.all())
    new = frozenset(wanted.values["individual_rights"]) if "individual_rights" in wanted.values else own
    if wanted.has("authorization_set"):
        bundle = wanted.values["authorization_set"]
        if not bundle.rights <= own:
            changes["authorization_set"] = [None, bundle.name]
        new |= bundle.rights
    if new != own:
        changes["individual_rights"] = [sorted(own), sorted(new)]


def _signals(wanted: Wanted, own: Owns) -> dict[str, list[Any]]:
    """Return the changes to the notification settings of a user; a set overrides the settings it contains."""
    changes: dict[str, list[Any]] = {}
    new: Owns = wanted.values.get("signals", own)
    if wanted.has("signal_set"):
        bundle = wanted.values["signal_set"]
        held = {type_: Own(*wish) for type_, wish in wishes.contents(bundle).items()}
        if not held.items() <= own.items():
            changes["signal_set"] = [None, bundle.name]
        new = new | held
    if new != own:
        changes["signals"] = [coded(own), coded(new)]
    return changes
