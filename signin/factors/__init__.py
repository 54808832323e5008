"""Second factors: something that a website user has beside the password, and who must have one."""

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import LoginMethod, User
from teams.models import TeamMember


def _asked_for() -> Q:
    """Return the condition that some rule asks a user for a second factor: his own, or that of a team he is in."""
    teams = TeamMember.objects.filter(
        provider_id=OuterRef("provider_id"), user_id=OuterRef("pk"), team__two_factor_required=True
    )
    return Q(login_method=LoginMethod.WEBSITE_SSO) & (Q(two_factor_required=True) | Q(Exists(teams)))


def with_duty(users: QuerySet[User]) -> QuerySet[User]:
    """Return `users` with `factor_missing`: whether each must have a second factor and has none."""
    return users.annotate(factor_missing=Q(second_factor_at=None) & _asked_for())


def must_enrol(user: User) -> bool:
    """Return whether some rule asks `user` for a second factor that he has not set up, so that his rights rest.

    Every rule is in one place, the condition above; `teams.rights.two_factor_rules` names those that hold for one
    person. Costs nothing for somebody from `with_duty`, such as the person of a session.
    """
    if user.second_factor_at is not None or not user.is_website_user:
        return False
    known: bool | None = getattr(user, "factor_missing", None)
    return User.objects.filter(_asked_for(), pk=user.pk).exists() if known is None else known
