"""What a row of the list of users leads to: the pages that fit the user's status, the likeliest first."""

from typing import NamedTuple

from django.urls import reverse
from django.utils.translation import gettext as _

from invitations.models import Invitation
from users.status import AccountStatus, UserWithStatuses, lacks_two_factor


class RowAction(NamedTuple):
    label: str
    url: str
    icon: str
    is_danger: bool = False
    is_post: bool = False


def list_row_actions(user: UserWithStatuses, *, may_manage: bool, may_assign: bool) -> list[RowAction]:
    """Return the links for `user`. `may_manage`: with authority over the user; `may_assign`: to teams as well."""

    def build(label: str, name: str, icon: str, *, is_danger: bool = False, is_post: bool = False) -> RowAction:
        return RowAction(label, reverse(name, args=[user.pk]), icon, is_danger, is_post)

    is_blocked, is_pending = user.status == AccountStatus.BLOCKED, user.accepted_at is None
    invitation = getattr(user, "invitation", None) if is_pending and not is_blocked and may_manage else None
    actions = []
    if invitation is not None:
        actions.append(build(_("Resend…"), "users:resend_invitation", "again"))
        correct = build(_("Correct the e-mail address"), "users:resend_invitation", "edit")
        actions.append(correct._replace(url=f"{correct.url}#id_email"))
    if is_blocked and may_manage:
        actions.append(build(_("Unblock"), "users:unblock_user", "check", is_post=True))
    actions.append(build(_("View rights"), "teams:user_rights", "key"))
    if may_assign:
        actions.append(build(_("Add to a team…"), "teams:user_teams", "team"))
    if may_manage and user.two_factor == "active" and not is_blocked:
        actions.append(build(_("Reset two-factor…"), "authentication:reset_mfa", "shieldx"))
    if may_manage and user.status == AccountStatus.ACTIVE and lacks_two_factor(user):
        remind = build(_("Remind of two-factor"), "users:remind_of_two_factor", "shield", is_post=True)
        actions.append(remind)
    if may_manage:
        actions.append(build(_("Edit details"), "users:edit_user", "edit"))
    if invitation is not None and invitation.state != Invitation.State.REVOKED:
        actions.append(build(_("Revoke the invitation…"), "users:revoke_invitation", "x", is_danger=True))
    elif may_manage and not is_blocked:
        actions.append(build(_("Departure…"), "departures:departure", "out", is_danger=True))
        actions.append(build(_("Block…"), "users:block_user", "block", is_danger=True))
    return actions
