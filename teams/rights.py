"""The catalogue of rights and every rule about who may do what. It answers questions and writes nothing."""

from collections.abc import Iterable
from enum import StrEnum

from django.core.exceptions import PermissionDenied
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import LoginMethod, Provider, User
from audit.actors import Actor
from teams.models import IndividualRight


class Right(StrEnum):
    """A named permission of the office itself (design section 5). All are provider level and AK-only."""

    label: Promise
    permits: Promise

    def __new__(cls, code: str, label: str = "", permits: str = "") -> "Right":
        member = str.__new__(cls, code)
        member._value_ = code
        member.label = label  # type: ignore[assignment]
        member.permits = permits  # type: ignore[assignment]
        return member

    MANAGE_PROVIDER = (
        "manage_provider",
        gettext_lazy("Application management provider"),
        gettext_lazy("All other rights, and the office's settings, e-mail texts and policies."),
    )
    VIEW_USERS = (
        "view_users",
        gettext_lazy("View users AK"),
        gettext_lazy("See the colleagues of the office, with their status and details."),
    )
    MANAGE_USERS = (
        "manage_users",
        gettext_lazy("Manage users AK"),
        gettext_lazy("Invite, edit, block and unblock colleagues."),
    )
    VIEW_TEAMS = ("view_teams", gettext_lazy("View teams"), gettext_lazy("See teams, their members and rights."))
    MANAGE_TEAMS = ("manage_teams", gettext_lazy("Manage teams"), gettext_lazy("Make teams and change who is in them."))
    GRANT_RIGHTS = (
        "grant_rights",
        gettext_lazy("Grant individual rights"),
        gettext_lazy("Give a colleague individual rights, beside those of the teams."),
    )
    MANAGE_EMPLOYERS = (
        "manage_employers",
        gettext_lazy("Manage employers"),
        gettext_lazy("Add employers and switch their products on and off."),
    )
    MANAGE_SIGNALS = (
        "manage_signals",
        gettext_lazy("Manage signals AK"),
        gettext_lazy("Choose which signals the office and its people get."),
    )
    MANAGE_INTEGRATIONS = (
        "manage_integrations",
        gettext_lazy("Manage integrations"),
        gettext_lazy("Register and switch off programs that use the web service."),
    )
    VIEW_AUDIT = ("view_audit", gettext_lazy("View history"), gettext_lazy("See who changed what, and when."))
    REVIEW_ACCESS = (
        "review_access",
        gettext_lazy("Review access"),
        gettext_lazy("Confirm at set times that everybody has the right access."),
    )


class LastAdministrator(Exception):
    """A change would leave the office without an administrator who can sign in (design section 4, rule 6)."""

    def __str__(self) -> str:
        return _(
            "Nobody would be left to manage this office. First give another colleague, who has accepted the"
            " invitation and has no end date, the right Application management provider."
        )


def individual_rights(user: User) -> frozenset[Right]:
    """Return the rights that `user` was given by himself, as they were given. One query."""
    return frozenset(Right(right) for right in user.individual_rights.values_list("right", flat=True))


def held_rights(user: User) -> frozenset[Right]:
    """Return every right that `user` holds, resting or not; manage_provider brings all. One query."""
    held = individual_rights(user)
    return frozenset(Right) if Right.MANAGE_PROVIDER in held else held


def effective_rights(user: User) -> frozenset[Right]:
    """Return the rights that `user` can use now (design section 4, rule 4). At most one query."""
    return held_rights(user) if user.is_effective else frozenset()


def may(user: User, right: Right) -> bool:
    """Return whether `user` can use `right` now."""
    return right in effective_rights(user)


def require(by: Actor, right: Right) -> None:
    """Raise PermissionDenied unless the actor may use `right`; the operator may."""
    if not by.is_operator and not (by.user and may(by.user, right)):
        raise PermissionDenied(_("You do not have the right “%(right)s”.") % {"right": right.label})


def can_give(by: Actor, rights: Iterable[Right]) -> bool:
    """Return whether the actor holds all of `rights` himself; manage_provider counts as holding every right."""
    return by.is_operator or bool(by.user and set(rights) <= effective_rights(by.user))


def require_authority_over(by: Actor, user: User) -> None:
    """Raise PermissionDenied unless the actor is another person of that office and holds every right `user` holds.

    For whoever changes another's address, password, kind, identity or second factor, unblocks him or resends his
    invitation (design section 4, rule 5).
    """
    if by.is_operator:
        return
    if by.user is None or by.user.provider_id != user.provider_id:
        raise PermissionDenied(_("This person is not of your office."))
    if by.user.pk == user.pk:
        raise PermissionDenied(_("You cannot do this to yourself. Ask another administrator."))
    if not can_give(by, held_rights(user)):
        raise PermissionDenied(
            _("%(name)s holds rights that you do not have. Ask an administrator who has them.")
            % {"name": user.full_name}
        )


def has_authority_over(by: Actor, user: User) -> bool:
    """Return whether `require_authority_over` lets the actor pass."""
    try:
        require_authority_over(by, user)
    except PermissionDenied:
        return False
    return True


def has_administrator(provider: Provider) -> bool:
    """Return whether somebody keeps manage_provider who can sign in and has no end date (rule 6)."""
    return IndividualRight.objects.filter(
        provider=provider,
        right=Right.MANAGE_PROVIDER,
        user__login_method__in=[LoginMethod.WEBSITE_SSO, LoginMethod.AZURE_AD],
        user__accepted_at__isnull=False,
        user__blocked_at__isnull=True,
        user__access_until__isnull=True,
    ).exists()


def require_administrator(provider: Provider) -> None:
    """Raise LastAdministrator when the office would be without one.

    Called at the end of each change, with the provider's row locked. An office whose first administrator has not yet
    accepted is exempt.
    """
    if provider.established_at is not None and not has_administrator(provider):
        raise LastAdministrator
