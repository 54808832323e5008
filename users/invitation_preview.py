"""What an invitation comes to while it is filled in: its e-mail and the rights it grants. Nothing is stored or sent."""

from typing import Any, NamedTuple, cast

from django.utils import timezone
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from accounts.models import Provider, User
from accounts.user_details import UserDetails
from invitations import emails
from outbox.placeholders import EmailText
from permissions.catalog import sort_rights
from permissions.checks import Right
from permissions.impact import HypotheticalUser, compute_hypothetical_access

_EXAMPLE = UserDetails(initials="P.", prefix="de", last_name="Boer", email="p.deboer@example.nl")
_NAME_FIELDS = ("initials", "prefix", "last_name")
_TYPED, _END = "\ue000", "\ue001"  # around what was typed; private use, so no e-mail has them


class AccessPreview(NamedTuple):
    rights: list[Right]
    employer_count: int


def render_preview(provider: Provider, details: UserDetails, text: EmailText) -> EmailText:
    """Return the e-mail, with example details as long as no name is known."""
    user = User(
        provider=provider, **(details if any(details.get(name) for name in _NAME_FIELDS) else _EXAMPLE | details)
    )
    return emails.render_preview(user, text, link=_("[the personal link]"))


def render_typed_preview(provider: Provider, values: dict[str, Any], text: EmailText) -> dict[str, SafeString]:
    """Return the subject and body of the e-mail as HTML, with what was typed in `values` marked."""
    typed = {name: f"{_TYPED}{values[name]}{_END}" for name in _NAME_FIELDS if values.get(name)}
    details = {"two_factor_required": bool(values.get("two_factor_required")), **typed}
    rendered = render_preview(provider, cast(UserDetails, details), text)
    return {"subject": _mark_typed(rendered.subject), "body": _mark_typed(rendered.body)}


def _mark_typed(text: str) -> SafeString:
    return mark_safe(escape(text).replace(_TYPED, "<mark>").replace(_END, "</mark>"))  # noqa: S308


def compute_access(provider: Provider, login_method: str, access: dict[str, Any]) -> AccessPreview:
    """Return what `access`, as `InitialAccessForm.initial_access`, grants a user who accepted. Four queries at most."""
    copied = access["authorization_set"].rights if access["authorization_set"] else frozenset()
    teams = frozenset(team.pk for team in access["teams"])
    if not teams and not copied and not access["individual"]:
        return AccessPreview([], 0)
    user = HypotheticalUser(
        login_method=login_method, accepted_on=timezone.localdate(), blocked=False, access_until=None,
        two_factor_required=False, has_factor=True, teams=teams, individual=copied | frozenset(access["individual"]),
    )  # fmt: skip
    (found,) = compute_hypothetical_access(provider, [user])
    rights = found.office | {right for right, _number in found.at_employers}
    return AccessPreview(sort_rights(rights), len({number for _right, number in found.at_employers}))
