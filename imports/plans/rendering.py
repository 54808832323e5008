"""Render a plan as text, for both the terminal and the browser."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypedDict, TypeVar

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import LoginMethod
from core.dates import format_upcoming
from imports.files import team_rows
from imports.files.user_columns import USER_COLUMN_LABELS
from imports.files.wording import format_row_numbers
from imports.plans.plan import Plan, PlanFault, PlanItem
from notifications import preference_text
from outbox.message_limits import BulkProgress
from permissions.catalog import Right, rights_from_codes, sort_rights
from permissions.effective import InactiveReason
from permissions.products import Product

FaultT = TypeVar("FaultT", bound=Mapping[str, Any])
_MAX_VALUES = 3  # of a group of faults


def render_totals(plan: Plan, *, skips_failures: bool = False) -> list[str]:
    """Return the totals of the plan: changes, e-mails, faults.

    With `skips_failures`, items with faults are skipped instead of blocking the plan.
    """
    new, changed = plan.counts["new"], plan.counts["changed"]
    lines = [ngettext("%(count)d changed.", "%(count)d changed.", changed) % {"count": changed}]
    if not skips_failures:
        lines.insert(0, ngettext("%(count)d created.", "%(count)d created.", new) % {"count": new})
    if losing := plan.counts["has_losses"]:
        text = ngettext("%(count)d loses access or rights.", "%(count)d lose access or rights.", losing)
        lines.append(text % {"count": losing})
    for kind, count in sorted(plan.mails.items()):
        lines.append(
            _("E-mails of type “%(kind)s” to be sent: %(count)s.") % {"kind": get_email_label(kind), "count": count}
        )
    lines += render_send_forecast(plan.send_forecast)
    for notice, count in plan.notices.items():
        lines.append(notice if count == 1 else f"{notice.removesuffix('.')} ({count}×).")
    if len(plan.faults) and skips_failures:
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


def render_send_forecast(forecast: BulkProgress | None) -> list[str]:
    """Return when invitations are sent, if not all at once."""
    if forecast is None or forecast.last_at is None:
        return []
    values = {"sent": forecast.sent, "waiting": forecast.waiting, "time": format_upcoming(forecast.last_at)}
    if not forecast.sent:
        return [_("The invitations follow those of an earlier import, the last %(time)s.") % values]
    return [_("Invitations sent at once: %(sent)s; the other %(waiting)s follow, the last %(time)s.") % values]


class FaultGroup(TypedDict):
    """A fault of one or more rows: `rows` names and counts them, `value` has some of their values."""

    rows: str
    column: str
    value: str
    what: str


def group_faults(faults: Iterable[PlanFault]) -> list[FaultGroup]:
    """Return the faults by column and advice, see `group_by_advice`."""
    return [
        FaultGroup(
            rows=_render_rows(group), column=group[0]["column"], value=render_values(group), what=group[0]["what"]
        )
        for group in group_by_advice(faults, "column")
    ]


def group_by_advice(faults: Iterable[FaultT], *place: str) -> list[list[FaultT]]:
    """Return groups of faults with the same advice in the same `place`, the largest first, then in file order."""
    groups: dict[tuple[Any, ...], list[FaultT]] = defaultdict(list)
    for fault in faults:
        groups[tuple(fault[name] for name in (*place, "what"))].append(fault)
    return sorted(groups.values(), key=len, reverse=True)


def _render_rows(faults: list[PlanFault]) -> str:
    rows = sorted({fault["row"] for fault in faults})
    text = ngettext("Row %(rows)s", "%(count)d rows: %(rows)s", len(rows))
    return text % {"count": len(rows), "rows": format_row_numbers(rows)}


def render_values(faults: Iterable[Mapping[str, Any]]) -> str:
    """Return some of the values that are wrong."""
    values = list(dict.fromkeys(fault["value"] for fault in faults if fault["value"]))
    return ", ".join(values[:_MAX_VALUES]) + (", …" if len(values) > _MAX_VALUES else "")


def render_fault_group(group: FaultGroup) -> str:
    """Return a line with the place, the value and what to do."""
    place = _("%(rows)s, column %(column)s") % group
    return ": ".join(filter(None, [place, f"“{group['value']}”" if group["value"] else "", group["what"]]))


def get_email_label(kind: str) -> str:
    names = {
        "invitation": _("invitation"),
        "microsoft": _("Microsoft login enabled"),
        "blocked": _("account blocked"),
        "unblocked": _("account no longer blocked"),
        "confirm_address": _("confirm new address"),
        "address_asked": _("different address entered"),
    }
    return names.get(kind, kind)


def order_plan_items(plan: Plan) -> list[PlanItem]:
    return sorted(plan.items, key=lambda item: not item.get("has_losses"))


def render_title(item: PlanItem) -> str:
    if not item["changes"]:
        return item["name"]  # user affected by a change to a team
    return _("Row %(row)s: %(name)s, %(what)s") % {
        "row": item["row"],
        "name": item["name"],
        "what": render_action(item),
    }


def render_name(item: PlanItem) -> str:
    """Return a line with the name and action of an item, for plans without a file."""
    return (
        _("%(name)s, %(what)s") % {"name": item["name"], "what": render_action(item)}
        if item["changes"]
        else item["name"]
    )


def render_action(item: PlanItem) -> str:
    if item["is_new"]:
        return _("new")
    if "blocked" in item["changes"]:
        return _("blocked") if item["changes"]["blocked"][1] else _("no longer blocked")
    if "invitation_revoked" in item["changes"]:
        return _("invitation revoked")
    if "invitation" in item["changes"]:
        return _("invitation resent")
    return _("changed")


def render_details(item: PlanItem) -> list[str]:
    changes = item["changes"]
    known = (*USER_COLUMN_LABELS, *team_rows.TEAM_COLUMN_LABELS, "integrations")
    order = [name for name in known if name in changes and name != "blocked"]
    lines = [_render_change(name, *changes[name]) for name in dict.fromkeys(order)]
    return lines + render_impact(item.get("effect", {}))


def _render_change(name: str, old: Any, new: Any) -> str:
    if name == "integrations":
        label = _("Integrations")
    else:
        label = str(USER_COLUMN_LABELS[name]) if name in USER_COLUMN_LABELS else team_rows.get_column_label(name)
    if name == "login_method":
        old, new = (LoginMethod(value).label if value else value for value in (old, new))
    if isinstance(old, list) or isinstance(new, list):
        before, after = set(old or []), set(new or [])
        names = _VALUE_RENDERERS.get(name, str)
        signs = [f"+ {names(one)}" for one in sorted(after - before)] + [
            f"- {names(one)}" for one in sorted(before - after)
        ]
        return f"{label}: {', '.join(signs)}"
    if old is None:
        return f"{label}: {render_value(new)}"
    return f"{label}: {render_value(old)} → {render_value(new)}"


def render_value(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return _("empty") if value in (None, "") else str(value)


def _render_right(code: str) -> str:
    return str(Right(code).label) if code in rights_from_codes([code]) else code


def _render_notification(code: str) -> str:
    return preference_text.format_overrides(preference_text.parse_overrides([code]))[0]


def _render_product(number: int) -> str:
    return str(Product(number).label)


def render_impact(found: dict[str, Any]) -> list[str]:
    lines = []
    sentences = {
        "gained": _("Gains: %(rights)s"),
        "lost": _("Loses: %(rights)s"),
        "waiting": _("Gains later: %(rights)s"),
    }
    for part, sentence in sentences.items():
        for group in found.get(part, []):
            names = ", ".join(str(right.label) for right in sort_rights(rights_from_codes(group["rights"])))
            lines.append(sentence % {"rights": names + _render_employers(group)})
    inactive_reason = found.get("rests", [None, None])[1]
    if inactive_reason:
        lines.append(_("Currently inactive: %(why)s.") % {"why": InactiveReason(inactive_reason).label})
    return lines


def _render_employers(group: dict[str, Any]) -> str:
    if not group["employers"]:
        return ""
    numbers = ", ".join(map(str, group["first"])) + (", …" if group["employers"] > len(group["first"]) else "")
    text = ngettext(" at %(count)d employer (%(numbers)s)", " at %(count)d employers (%(numbers)s)", group["employers"])
    return text % {"count": group["employers"], "numbers": numbers}


_VALUE_RENDERERS: dict[str, Callable[[Any], str]] = {
    "individual_rights": _render_right,
    "rights": _render_right,
    "products": _render_product,
    "signals": _render_notification,
}
