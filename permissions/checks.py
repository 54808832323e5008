"""Permission checks for actions: who may do what, and who may grant it. Reads only.

`held_rights`, `has_right` and the like come from `permissions.effective`.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Count
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import LoginMethod, Provider, User
from audit.actors import Actor
from permissions.catalog import EMPLOYER_LEVEL_RIGHTS, rights_from_codes
from permissions.catalog import Right as Right
from permissions.effective import effective_rights as effective_rights
from permissions.effective import effective_rights_at as effective_rights_at
from permissions.effective import filter_right_holders as filter_right_holders
from permissions.effective import get_inactive_reason as get_inactive_reason
from permissions.effective import has_no_rights as has_no_rights
from permissions.effective import has_right as has_right
from permissions.effective import held_rights as held_rights
from permissions.effective import list_reachable_employers as list_reachable_employers
from permissions.grants_sql import fetch_rows
from permissions.inactive import TWO_FACTOR_RULES_SQL
from permissions.models import Employer, Grant, Team


class SupportAction(models.TextChoices):
    """The actions that support may take in an office, each with a reason. Everything else is refused."""

    RESET_MFA = "twee-factor-resetten", gettext_lazy("Reset two-factor")
    END_SESSIONS = "sessies-beeindigen", gettext_lazy("End all sessions")
    BLOCK = "blokkeren", gettext_lazy("Block")
    UNBLOCK = "deblokkeren", gettext_lazy("Unblock")
    RESEND_INVITATION = "opnieuw-versturen", gettext_lazy("Resend invitation")
    REVOKE_INVITATION = "intrekken", gettext_lazy("Revoke the invitation")
    CONFIRM_TENANT = "tenant-bevestigen", gettext_lazy("Confirm the tenant")
    IMPERSONATE = "meekijken", gettext_lazy("Impersonate")
    DISABLE_INTEGRATION = "koppeling-uitzetten", gettext_lazy("Turn off the integration")
    ENABLE_INTEGRATION = "koppeling-aanzetten", gettext_lazy("Turn on the integration")
    CHANGE_PARTNER = "partner", gettext_lazy("Change the partner's integration")
    CREATE_OFFICE = "kantoor-maken", gettext_lazy("Create office")
    SUSPEND_OFFICE = "kantoor-sluiten", gettext_lazy("Suspend the office")
    REACTIVATE_OFFICE = "kantoor-heropenen", gettext_lazy("Reactivate the office")


MACHINE_ADMINISTRATOR = gettext_lazy(
    "An SSO/Webservice user cannot have the office administration right. Remove that right."
)


def get_impossible_rights(login_method: str) -> frozenset[Right]:
    """Return the rights that no user with this login method can have: a machine cannot manage an office (rule 6)."""
    return frozenset({Right.MANAGE_PROVIDER} if login_method == LoginMethod.SSO_WEBSERVICE else ())


class LastAdministrator(Exception):
    """A change would leave the office without an administrator who can sign in (rule 6).

    `until` is the last day on which there is one; None if there would be none from now on.
    """

    def __init__(self, until: date | None = None) -> None:
        super().__init__(until)
        self.until = until

    def __str__(self) -> str:
        if self.until is not None:
            return _(
                "After %(date)s, no user would be able to administer this office. First grant the right Office"
                " administration to another user who has accepted the invitation and has no end date."
            ) % {"date": date_format(self.until)}
        return _(
            "No user would be able to administer this office. First grant the right Office administration to another"
            " user who has accepted the invitation and has no end date."
        )


def individual_rights(user: User) -> frozenset[Right]:
    """Return the rights granted to `user` individually, inactive ones included. One query."""
    return rights_from_codes(user.individual_rights.values_list("right", flat=True))


def require_right(by: Actor, right: Right) -> None:
    """Raise PermissionDenied unless the actor is the operator or may use `right`.

    Call it with the row of the office locked, so that a right revoked just now no longer counts.
    """
    by.require_not_impersonating()
    if not by.is_operator and not (by.user and has_right(by.user, right)):
        raise PermissionDenied(_("You do not have the right “%(right)s”.") % {"right": right.label})


def require_office(by: Actor, provider_id: UUID | None) -> None:
    """Raise PermissionDenied unless the actor belongs to the office. The operator belongs to all, support to none."""
    if not by.is_operator and (provider_id is None or by.user is None or by.user.provider_id != provider_id):
        raise PermissionDenied(_("This is not your office."))


def require_support_user(by: Actor, support_action: SupportAction) -> User:
    """Return the support user who acts. Raise PermissionDenied unless they are active and give a reason.

    This grants no right: an action that does not call this requires a right, and support has none.
    """
    helper = User.objects.filter(pk=by.user.pk, is_support=True).first() if by.is_support and by.user else None
    if helper is None or get_inactive_reason(helper) is not None or not by.reason.strip():
        raise PermissionDenied(_("Only support can do this, with a reason: %(help)s.") % {"help": support_action.label})
    return helper


def require_support_action(by: Actor, support_action: SupportAction, provider_id: UUID | None) -> User:
    """As `require_support_user`; raise PermissionDenied also if the action concerns no office."""
    helper = require_support_user(by, support_action)
    if provider_id is None:
        raise PermissionDenied(_("This is not your office."))
    return helper


def require_operator_or_support(by: Actor, support_action: SupportAction, provider_id: UUID | None) -> None:
    if not by.is_operator:
        require_support_action(by, support_action, provider_id)


def require_user_management(by: Actor, user: User, support_action: SupportAction) -> None:
    """Raise PermissionDenied unless the actor manages users and has authority over `user`, or is support."""
    if by.is_support:
        require_support_action(by, support_action, user.provider_id)
    else:
        require_right(by, Right.MANAGE_USERS)
        require_authority_over(by, user)


def require_self(by: Actor, user_id: UUID) -> User:
    """Return the actor. Raise PermissionDenied unless it is this user: nobody else sets what is users' own."""
    if by.user is None or by.user.pk != user_id:
        raise PermissionDenied(_("Users can change this only for themselves."))
    return by.user


def require_not_self(by: Actor, user_ids: Iterable[UUID]) -> None:
    """Raise PermissionDenied if the actor is one of `user_ids`: users never change their own rights (rule 5)."""
    if by.user is not None and by.user.pk in set(user_ids):
        raise PermissionDenied(_("You cannot change your own rights. Ask another administrator."))


def require_not_member(by: Actor, team: Team) -> None:
    """Raise PermissionDenied if the actor is a member of `team`: changing it would change their own rights."""
    if by.user is not None and team.members.filter(user=by.user).exists():
        raise PermissionDenied(_("You are a member of this team. Ask another administrator."))


def holds_every_right(by: Actor) -> bool:
    """Return whether the actor counts as holding every right when changing the rights of others."""
    return by.is_operator or bool(by.user and has_right(by.user, Right.MANAGE_PROVIDER))


def get_grantable_rights(user: User) -> frozenset[Right]:
    """Return the rights that `user` can grant to others, at some employer at least: their own active rights."""
    return held_rights(user) if get_inactive_reason(user) is None else frozenset()


class MissingRight(NamedTuple):
    """A right that the granting user does not hold at `employer`, or nowhere if `employer` is None."""

    right: Right
    employer: Employer | None = None


def find_missing_right(by: Actor, granted: Iterable[Right], employers: Iterable[UUID] = ()) -> MissingRight | None:
    """Return the first of `granted` that the actor does not hold, or not at one of `employers`; None if they hold all.

    A right held at one employer cannot be granted at another (rule 5). A disabled product does not matter here.
    """
    rights = sorted(set(granted))
    if not rights or holds_every_right(by):
        return None
    held = get_grantable_rights(by.user) if by.user else frozenset()
    for right in rights:
        if right not in held:
            return MissingRight(right)
    places = set(employers)
    if not places or not by.user:
        return None
    own = Grant.objects.of_user(by.user).filter(employer_id__in=places)
    counts = dict(own.values_list("right").annotate(count=Count("employer_id", distinct=True)))
    for right in rights:
        if right in EMPLOYER_LEVEL_RIGHTS and counts.get(right, 0) < len(places):
            elsewhere = Employer.objects.filter(pk__in=places).exclude(
                pk__in=own.filter(right=right).values("employer_id")
            )
            return MissingRight(right, elsewhere.first())
    return None


# SQL, because a queryset has no NOT IN over pairs, and NOT EXISTS is evaluated again for each row (docs/adr/0008).
_UNGRANTABLE_TEAMS_SQL = """
SELECT DISTINCT r.team_id FROM permissions_teamright r
LEFT JOIN permissions_teamemployer e
    ON e.provider_id = r.provider_id AND e.team_id = r.team_id AND r."right" = ANY(%(codes)s)
WHERE r.provider_id = %(provider)s AND (
    r."right" = ANY(%(others)s)
    OR e.employer_id IS NOT NULL AND (r."right", e.employer_id) NOT IN (
        SELECT "right", employer_id FROM permissions_grant
        WHERE provider_id = %(provider)s AND user_id = %(user)s AND at_employer))"""
_USERS_WITH_MORE_RIGHTS_SQL = """
SELECT DISTINCT user_id FROM permissions_grant
WHERE provider_id = %(provider)s AND user_id = ANY(%(users)s) AND (
    NOT at_employer AND "right" = ANY(%(others)s)
    OR at_employer AND "right" = ANY(%(codes)s) AND ("right", employer_id) NOT IN (
        SELECT "right", employer_id FROM permissions_grant
        WHERE provider_id = %(provider)s AND user_id = %(user)s AND at_employer))"""
_EMPLOYER_CODES = [right.value for right in EMPLOYER_LEVEL_RIGHTS]


def find_ungrantable_teams(user: User, givable: frozenset[Right]) -> set[UUID]:
    """Return the teams to which `user` cannot add members, because the teams give rights that `user` does not hold.

    `givable` is the result of `get_grantable_rights`. Individual rights of the new member are not considered.
    """
    if Right.MANAGE_PROVIDER in givable:
        return set()
    others = [right.value for right in frozenset(Right) - givable]
    parameters = {"user": user.pk, "provider": user.provider_id, "others": others, "codes": _EMPLOYER_CODES}
    return {team_id for (team_id,) in fetch_rows(_UNGRANTABLE_TEAMS_SQL, **parameters)}


def require_can_grant(by: Actor, granted: Iterable[Right], employers: Iterable[UUID] = ()) -> None:
    found = find_missing_right(by, granted, employers)
    if found is None:
        return
    if found.employer is None:
        message = _("You can grant or revoke only rights that you have yourself: you do not have “%(right)s”.")
        raise PermissionDenied(message % {"right": found.right.label})
    message = _(
        "You can grant or revoke only rights that you have yourself: you do not have “%(right)s” at %(employer)s."
    )
    raise PermissionDenied(message % {"right": found.right.label, "employer": found.employer})


def require_authority_over(by: Actor, *users: User) -> None:
    """Raise PermissionDenied unless the actor is another user of that office and holds every right `users` hold.

    Required for changing another user's details, address, password, login method, identity or second factor, for
    blocking and unblocking, and for sending the username or the invitation again (rule 5).
    """
    if by.is_operator or not users:
        return
    for user in users:
        if by.user is None or by.user.is_support or by.user.provider_id != user.provider_id:
            raise PermissionDenied(_("This user does not belong to your office."))
        if by.is_user(user.pk):
            raise PermissionDenied(_("You cannot do this to yourself. Ask another administrator."))
    if by.user is None or holds_every_right(by):
        return
    with_more_rights = find_users_with_more_rights(by.user, [user.pk for user in users])
    for user in users:
        if user.pk in with_more_rights:
            message = _("%(name)s has rights that you do not have. Ask an administrator who has them.")
            raise PermissionDenied(message % {"name": user.full_name})


def require_authority_over_all(by: Actor, user_ids: Iterable[UUID]) -> None:
    """Raise PermissionDenied unless the actor holds every right that these users of the office hold."""
    if not holds_every_right(by) and (by.user is None or find_users_with_more_rights(by.user, user_ids)):
        text = _("Some members have rights that you do not. Ask an administrator who has those rights.")
        raise PermissionDenied(text)


def find_users_with_more_rights(giver: User, user_ids: Iterable[UUID]) -> set[UUID]:
    """Return the users who hold a right, even an inactive one, that `giver` cannot use at the same employers."""
    others = [right.value for right in frozenset(Right) - get_grantable_rights(giver)]
    parameters = {"user": giver.pk, "provider": giver.provider_id, "others": others, "codes": _EMPLOYER_CODES}
    return {user_id for (user_id,) in fetch_rows(_USERS_WITH_MORE_RIGHTS_SQL, users=list(user_ids), **parameters)}


def has_authority_over(by: Actor, user: User) -> bool:
    try:
        require_authority_over(by, user)
    except PermissionDenied:
        return False
    return True


def has_administrator(provider: Provider) -> bool:
    """Return whether a user without end date who can sign in, with or without a factor, manages the office (rule 6)."""
    return any(user.access_until is None for user in list_administrators(provider) if _can_administer_office(user))


def require_administrator(provider: Provider) -> None:
    """Raise LastAdministrator if the office has no administrator left, PermissionDenied if a machine would be one.

    Called at the end of each change, with the row of the office locked. An office whose first administrator has not
    accepted yet is exempt from LastAdministrator.
    """
    users = list_administrators(provider)
    if any(user.is_webservice_user for user in users):
        raise PermissionDenied(MACHINE_ADMINISTRATOR)
    if provider.established_at is None:
        return
    require_one_stays(user for user in users if _can_administer_office(user))


def require_one_stays(administrators: Iterable[User]) -> None:
    """Raise LastAdministrator unless one of these administrators, who can sign in, has no end date (rule 6)."""
    ends = [user.access_until for user in administrators]
    if None not in ends:
        raise LastAdministrator(max((day for day in ends if day and day >= timezone.localdate()), default=None))


def list_administrators(provider: Provider) -> list[User]:
    return list(filter_right_holders(provider, Right.MANAGE_PROVIDER))


def list_active_administrators(provider: Provider) -> list[User]:
    """Return the administrators who can sign in, regardless of their end date."""
    return [user for user in list_administrators(provider) if _can_administer_office(user)]


def _can_administer_office(user: User) -> bool:
    return not user.is_webservice_user and user.accepted_at is not None and user.blocked_at is None


class TwoFactorRules(NamedTuple):
    """The day from which each rule requires a second factor of a user; `inactive.IMMEDIATE_DATE` if it has no day."""

    by_user: date | None = None
    by_team: date | None = None
    as_manager: date | None = None
    all_users: date | None = None
    after_days: date | None = None
    teams: Sequence[str] = ()  # names of the teams that require it
    days: int | None = None  # the number of days allowed after the first sign-in

    @property
    def due(self) -> date | None:
        """The day from which the user must have one, by the strictest rule; None for never."""
        days = [self.by_user, self.by_team, self.as_manager, self.all_users, self.after_days]
        return min((day for day in days if day is not None), default=None)

    @property
    def is_required_today(self) -> bool:
        return self.due is not None and self.due <= timezone.localdate()

    def __bool__(self) -> bool:
        return self.due is not None


def two_factor_rules(user: User) -> TwoFactorRules:
    """Return the rules that require a second factor of `user`; only website users have one here (rule 2)."""
    if not user.is_website_user:
        return TwoFactorRules()
    columns = ", ".join(
        TWO_FACTOR_RULES_SQL[name] for name in ("by_user", "by_team", "as_manager", "all_users", "after_days")
    )
    rows = fetch_rows(
        f"SELECT {columns}, office.two_factor_days FROM accounts_user LEFT JOIN accounts_provider office"  # noqa: S608
        " ON office.id = accounts_user.provider_id WHERE accounts_user.id = %(user)s",
        user=user.pk,
    )
    by_user, by_team, as_manager, all_users, after_days, length = rows[0]
    teams = Team.objects.visible_to(user).filter(members__user=user, two_factor_required=True).order_by("sort_name")
    names = list(teams.values_list("name", flat=True)) if by_team is not None else ()
    return TwoFactorRules(by_user, by_team, as_manager, all_users, after_days, names, length)
