"""What going live would do: the differences between a shadow and the office."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from permissions.models import Grant
from scim import memberships
from scim.account_changes import build_names, has_other_email, has_other_name, has_other_username
from scim.models import DirectoryConnection, DirectoryGroup, DirectoryUser, ShadowStep

MAX_NAMES = 20


@dataclass(frozen=True)
class ShadowPlan:
    """The users of a shadow by the step that going live takes for them; `digest` differs once a user does."""

    connection: DirectoryConnection
    steps: dict[ShadowStep, list[DirectoryUser]]
    joining: Sequence[tuple[DirectoryGroup, list[DirectoryUser]]] = ()  # who gets the rights of the teams of groups

    @property
    def digest(self) -> str:
        parts = [
            [step.value, str(row.pk), row.version, row.user.version if row.user else 0]
            for step, rows in self.steps.items()
            for row in rows
        ]
        for group, rows in self.joining:
            team_version = group.team.version if group.team else 0
            parts += [[str(group.pk), str(row.pk), group.version, team_version] for row in rows]
        parts.append([str(self.connection.pk), "", self.connection.version, 0])  # its tenant and sources
        return hashlib.sha256(json.dumps(sorted(parts)).encode()).hexdigest()

    def list_consequences(self, *, with_names: bool) -> list[str]:
        """Return in words what happens, by choice to whom, with the effect on rights. At most one query."""
        steps = [(step, rows) for step in ShadowStep if (rows := self.steps.get(step))]
        joining = [(group, rows) for group, rows in self.joining if rows]
        lines = [_describe_step(step, rows) + _list_names(rows, with_names) for step, rows in steps]
        lines += [_describe_joining(group, rows) + _list_names(rows, with_names) for group, rows in joining]
        leavers = [row.user_id for row in self.steps.get(ShadowStep.BLOCK, ()) if row.user_id]
        if leavers:
            grants = Grant.objects.filter(provider_id=self.connection.provider_id, user_id__in=leavers)
            count = len(set(grants.values_list("user_id", flat=True)))
            text = ngettext(
                "%(count)s of those blocked has rights, which become inactive.",
                "%(count)s of those blocked have rights, which become inactive.",
                count,
            )
            lines.append(text % {"count": count})
        return lines or [_("Nothing differs: every user is as the directory wants.")]


def _describe_joining(group: DirectoryGroup, rows: Sequence[DirectoryUser]) -> str:
    text = ngettext(
        "%(count)s user joins team %(team)s and gets its rights",
        "%(count)s users join team %(team)s and get its rights",
        len(rows),
    )
    return text % {"count": len(rows), "team": group.team}


def _describe_step(step: ShadowStep, rows: Sequence[DirectoryUser]) -> str:
    count = len(rows)
    texts = {
        ShadowStep.CREATE: ngettext("%(count)s user is created", "%(count)s users are created", count),
        ShadowStep.INVITE: ngettext("%(count)s user is invited", "%(count)s users are invited", count),
        ShadowStep.WAIT: ngettext(
            "%(count)s user has no mobile number and is to be invited by you",
            "%(count)s users have no mobile number and are to be invited by you",
            count,
        ),
        ShadowStep.BLOCK: ngettext("%(count)s user is blocked", "%(count)s users are blocked", count),
        ShadowStep.CHANGE: ngettext(
            "%(count)s user gets another name or address",
            "%(count)s users get another name or address",
            count,
        ),
    }
    return texts[step] % {"count": count}


def _list_names(rows: Sequence[DirectoryUser], with_names: bool) -> str:
    if not with_names:
        return "."
    names = ", ".join(row.user.full_name if row.user else row.user_name for row in rows[:MAX_NAMES])
    more = len(rows) - MAX_NAMES
    return f": {names} {_('and %(count)s more') % {'count': more}}." if more > 0 else f": {names}."


def build_plan(connection: DirectoryConnection) -> ShadowPlan:
    """Two queries, and one for each group that has a team."""
    rows = DirectoryUser.objects.filter(provider=connection.provider_id, connection=connection)
    steps: dict[ShadowStep, list[DirectoryUser]] = {}
    for row in rows.select_related("user").order_by("user_name_key", "pk"):
        row.connection = connection
        step = find_step(row)
        if step is not None:
            steps.setdefault(step, []).append(row)
    groups = DirectoryGroup.objects.filter(connection=connection, team__isnull=False).select_related("team")
    joining = [(group, memberships.list_newcomers(group, connection)) for group in groups.order_by("name_key")]
    return ShadowPlan(connection, steps, joining)


def find_step(row: DirectoryUser) -> ShadowStep | None:
    """Return what makes the account as the directory wants it; None if it is, or if an administrator blocked it."""
    if row.user is None:
        if not row.active:
            return None
        if row.connection.creates_azure_users:
            return ShadowStep.CREATE
        return ShadowStep.INVITE if row.encrypted_phone is not None else ShadowStep.WAIT
    if row.user.blocked_at is not None:
        return None
    if not row.active:
        return ShadowStep.BLOCK
    return ShadowStep.CHANGE if _differs(row, row.user) else None


def _differs(row: DirectoryUser, user: User) -> bool:
    if has_other_name(row, user) and any(getattr(user, field) != value for field, value in build_names(row).items()):
        return True
    try:
        return has_other_email(row, user) or has_other_username(row, user)
    except ValidationError:  # no address, such as in a userName since the source was changed: refused when it is done
        return True
