"""Render a plan as text, for both the terminal and the browser."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import LoginMethod
from bulk import team_files
from bulk.columns import LABELS
from bulk.plan import Item, Plan
from notifications import written
from teams.catalogue import Right, known, ordered
from teams.evaluator import Resting
from teams.products import Product


def totals(plan: Plan, *, passes_over: bool = False) -> list[str]:
    """Return the totals of the plan: changes, e-mails, faults.

    With `passes_over`, items with faults are skipped instead of blocking the plan.
    """
    new, changed = plan.counts["new"], plan.counts["changed"]
    lines = [ngettext("%(count)d changed.", "%(count)d changed.", changed) % {"count": changed}]
    if not passes_over:
        lines.insert(0, ngettext("%(count)d created.", "%(count)d created.", new) % {"count": new})
    if plan.counts["takes"]:
        text = ngettext("%(count)d loses access or rights.", "%(count)d lose access or rights.", plan.counts["takes"])
        lines.append(text % {"count": plan.counts["takes"]})
    for kind, count in sorted(plan.mails.items()):
        lines.append(_("E-mails of type “%(kind)s” to be sent: %(count)s.") % {"kind": mail_name(kind), "count": count})
    for notice, count in plan.notices.items():
        lines.append(notice if count == 1 else f"{notice} ({count}×)")
    if len(plan.faults) and passes_over:
        text = ngettext("%(count)d skipped: not possible.",
                        "%(count)d skipped: not possible.", len(plan.faults))  # fmt: skip
        lines.append(text % {"count": len(plan.faults)})
    elif len(plan.faults):
        text = ngettext("%(count)d error: nothing can be applied.", "%(count)d errors: nothing can be applied.",
                        len(plan.faults))  # fmt: skip
        lines.append(text % {"count": len(plan.faults)})
    if plan.refusal:
        lines.append(plan.refusal)
    return lines


def mail_name(kind: str) -> str:
    names = {
        "invitation": _("invitation"),
        "microsoft": _("Microsoft login enabled"),
        "blocked": _("account blocked"),
        "unblocked": _("account no longer blocked"),
        "confirm_address": _("confirm new address"),
        "address_asked": _("different address entered"),
    }
    return names.get(kind, kind)


def in_order(plan: Plan) -> Iterator[Item]:
    """Yield the items of a plan, losses first."""
    return losses_first(plan.items)


def losses_first(items: Iterable[Item]) -> Iterator[Item]:
    """Yield `items`, losses first. `items` is iterated twice."""
    for takes in (True, False):
        for item in items:
            if bool(item.get("takes")) is takes:
                yield item


def title(item: Item) -> str:
    """Return a line with the row, name and action of an item."""
    if not item["changes"]:
        return item["name"]  # user affected by a change to a team
    return _("Row %(row)s: %(name)s, %(what)s") % {"row": item["row"], "name": item["name"], "what": what(item)}


def name(item: Item) -> str:
    """Return a line with the name and action of an item, for plans without a file."""
    return _("%(name)s, %(what)s") % {"name": item["name"], "what": what(item)} if item["changes"] else item["name"]


def what(item: Item) -> str:
    if item["is_new"]:
        return _("new")
    if "blocked" in item["changes"]:
        return _("blocked") if item["changes"]["blocked"][1] else _("no longer blocked")
    if "invitation" in item["changes"]:
        return _("invitation resent")
    return _("changed")


def details(item: Item) -> list[str]:
    """Return the changed fields, followed by the impact on rights."""
    changes = item["changes"]
    order = [name for name in (*LABELS, *team_files.LABELS) if name in changes and name != "blocked"]
    lines = [_change(name, *changes[name]) for name in dict.fromkeys(order)]
    return lines + effect(item.get("effect", {}))


def _change(name: str, old: Any, new: Any) -> str:
    label = str(LABELS[name]) if name in LABELS else team_files.label(name)
    if name == "login_method":
        old, new = (LoginMethod(value).label if value else value for value in (old, new))
    if isinstance(old, list) or isinstance(new, list):
        before, after = set(old or []), set(new or [])
        names = _NAMERS.get(name, str)
        signs = [f"+ {names(one)}" for one in sorted(after - before)] + [
            f"- {names(one)}" for one in sorted(before - after)
        ]
        return f"{label}: {', '.join(signs)}"
    if old is None:
        return f"{label}: {shown(new)}"
    return f"{label}: {shown(old)} → {shown(new)}"


def shown(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return _("empty") if value in (None, "") else str(value)


def _right_name(code: str) -> str:
    return str(Right(code).label) if code in known([code]) else code


def _signal(code: str) -> str:
    return written.written(written.read([code]))[0]


def _product(number: int) -> str:
    return str(Product(number).label)


def effect(found: dict[str, Any]) -> list[str]:
    """Return the impact on rights as lines of text."""
    lines = []
    sentences = {
        "gained": _("Gains: %(rights)s"),
        "lost": _("Loses: %(rights)s"),
        "waiting": _("Gains later: %(rights)s"),
    }
    for part, sentence in sentences.items():
        for group in found.get(part, []):
            names = ", ".join(str(right.label) for right in ordered(known(group["rights"])))
            lines.append(sentence % {"rights": names + _places(group)})
    rests = found.get("rests", [None, None])[1]
    if rests:
        lines.append(_("Currently inactive: %(why)s.") % {"why": Resting(rests).label})
    return lines


def _places(group: dict[str, Any]) -> str:
    if not group["employers"]:
        return ""
    numbers = ", ".join(map(str, group["first"])) + (", …" if group["employers"] > len(group["first"]) else "")
    text = ngettext(" at %(count)d employer (%(numbers)s)", " at %(count)d employers (%(numbers)s)", group["employers"])
    return text % {"count": group["employers"], "numbers": numbers}


_NAMERS: dict[str, Callable[[Any], str]] = {
    "individual_rights": _right_name,
    "rights": _right_name,
    "products": _product,
    "signals": _signal,
}
