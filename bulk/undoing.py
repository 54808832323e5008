"""Revert an applied plan of users with a new plan, which is reviewed and applied as any other."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import LoginMethod, Provider, User
from audit.actors import Actor
from bulk.columns import LABELS
from bulk.differences import DETAILS, plain
from bulk.people import BATCH, Named, Wanted
from bulk.people_plans import Office, Planner, Step, supposed
from bulk.plan import Item, Plan, Progress, quiet
from bulk.showing import mail_name
from notifications import wishes
from notifications.written import coded
from teams.catalogue import known
from teams.evaluator import Resting

_TURNED = (*DETAILS, "teams", "individual_rights", "signals", "blocked")
_ACCOUNT = ("login_method", "username", "external_tenant", "external_user_id")


def plan_undo(provider: Provider, items: Iterable[Item], *, by: Actor, progress: Progress = quiet) -> Plan:
    """Return the plan that restores the rights that users had before the plan with `items` was applied.

    Created users are blocked and lose their teams and rights. Sent e-mails cannot be recalled. Fields changed since are
    reported as faults.
    """
    made = Plan(provider.pk, "users")
    planner, office = Planner(Office(provider), by, made), Office(provider)
    waiting = iter(items)
    while batch := list(islice(waiting, BATCH)):
        people = (
            User.objects.filter(provider=provider, pk__in=[item["id"] for item in batch])
            .select_related("provider", "external_tenant")
            .prefetch_related("memberships__team", "individual_rights", "signal_settings")
        )
        known_people = {str(user.pk): user for user in people}
        rows, steps = [], []
        for item in batch:
            wanted, step = _turned(item, known_people.get(str(item["id"])), office, made)
            rows.append(wanted)
            steps += [step] if step is not None else []
        planner.add(steps, rows)
        progress(len(batch))
    planner.finish()
    return made


def _turned(item: Item, user: User | None, office: Office, plan: Plan) -> tuple[Wanted, Step | None]:
    wanted = Named(item["row"], {}, name=item["name"])
    if user is None:
        wanted.refuse("id", _("%(name)s no longer exists.") % {"name": item["name"]})
        return wanted, None
    for mail in item.get("mails", []):
        plan.notices[_("E-mails already sent cannot be undone (%(kind)s).") % {"kind": mail_name(mail)}] += 1
    wishes = _wishes(item)
    changes = {}
    for name, (old, new) in wishes.items():
        present = _present(user, name)
        if name == "teams":
            for team in old:
                if team.casefold() not in office.teams:
                    wanted.refuse("teams", _("Team “%(name)s” does not exist. Create it first.") % {"name": team})
        if present == new:
            changes[name] = [new, old]
        elif present != old:
            wanted.refuse(name, _("%(what)s of %(name)s has been changed since. Undo this manually.")
                          % {"what": LABELS[name], "name": user.full_name})  # fmt: skip
    if not changes or wanted.problems:
        return wanted, None
    turned = Item(row=item["row"], id=str(user.pk), name=user.list_name, is_new=False, changes=changes, mails=[])
    if "blocked" in changes:
        turned["mails"] = ["blocked" if changes["blocked"][1] else "unblocked"]
    before, after = supposed(user, turned, office)
    return wanted, Step(wanted, turned, user, before, after)


def _wishes(item: Item) -> dict[str, list[Any]]:
    """Return [old, new] of each field to revert.

    Also blocks users whom the plan gave access for the first time.
    """
    changes, block = item["changes"], {"blocked": [True, False]}
    kind = changes.get("login_method", [None, None])[1]
    if item["is_new"]:
        return {name: [[], changes[name][1]] for name in ("teams", "individual_rights") if name in changes} | block
    wishes = {name: changes[name] for name in _TURNED if name in changes}
    if kind == LoginMethod.WEBSITE_SSO:
        return wishes | {name: changes[name] for name in _ACCOUNT}
    was_invited = item.get("effect", {}).get("rests", [None])[0] == Resting.INVITED
    return wishes | (block if kind == LoginMethod.AZURE_AD and was_invited else {})


def _present(user: User, name: str) -> Any:
    if name == "teams":
        return sorted(member.team.name for member in user.memberships.all())
    if name == "individual_rights":
        return sorted(known(row.right for row in user.individual_rights.all()))
    if name == "signals":
        return coded(wishes.read(user.signal_settings.all()))
    if name == "blocked":
        return user.blocked_at is not None
    return plain(getattr(user, name))
