"""Claims about teams and rights, for clients that ask for the scopes `groups` and `rights`."""

from collections.abc import Collection
from typing import Any

from accounts.models import User
from oauth.scopes import Scope
from permissions.catalog import sort_rights
from permissions.effective import effective_rights
from permissions.models import Team

CLAIM_NAMES = ("groups", "group_ids", "hasgroups", "rights")
# More teams than this are left out, and `hasgroups` says so, as Microsoft does: clients keep ID tokens in cookies and
# headers of a few kB.
MAX_ID_TOKEN_GROUPS, MAX_USERINFO_GROUPS = 50, 1000


def build_claims(user: User, scopes: Collection[str], *, max_groups: int) -> dict[str, Any]:
    """Return the claims that `scopes` allow. Rights are those of the office: those at an employer depend on it."""
    claims: dict[str, Any] = {}
    if Scope.GROUPS in scopes:
        claims |= _build_group_claims(user, max_groups)
    if Scope.RIGHTS in scopes:
        claims["rights"] = [right.value for right in sort_rights(effective_rights(user))]
    return claims


def _build_group_claims(user: User, most: int) -> dict[str, Any]:
    """Return the names and ids of the teams, in the same order, none of them if there are more than `most`."""
    teams = Team.objects.filter(provider=user.provider_id, members__user=user).order_by("sort_name", "pk")
    found = list(teams.values_list("name", "pk")[: most + 1])
    if len(found) > most:
        return {"hasgroups": True}
    return {"groups": [name for name, _pk in found], "group_ids": [str(pk) for _name, pk in found]}
