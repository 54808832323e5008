"""Render the outcome of reconciling offices as text or JSON."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.utils.translation import gettext as _

from imports.declarative.reconcile import MissingSecret, OfficeOutcome
from imports.declarative.schema import OfficeFault
from imports.files.wording import format_row_numbers
from imports.plans import rendering
from imports.plans.plan import PlanItem
from permissions.catalog import rights_from_codes


def get_status(outcome: OfficeOutcome, *, done: bool) -> str:
    if outcome.faults:
        return "faults"
    if outcome.refusal:
        return "refused"
    return "unchanged" if outcome.is_empty else "done" if done else "planned"


def render_outcome(outcome: OfficeOutcome, *, done: bool) -> list[str]:
    """Return the outcome as lines of text, losses first."""
    labels = {
        "faults": _("errors"),
        "refused": _("refused: %(why)s") % {"why": outcome.refusal},
        "unchanged": _("no changes"),
        "done": _("done"),
        "planned": _("pending"),
    }
    lines = [f"{outcome.name or '[[office]] ' + str(outcome.number)}: {labels[get_status(outcome, done=done)]}"]
    for item in sorted(outcome.items, key=lambda item: not item.get("has_losses")):
        lines += [f"    {_render_title(item)}", *(f"        {line}" for line in _render_details(item))]
    lines += [f"    {line}" for line in render_faults(outcome.faults)]
    lines += [f"    {_render_missing_secret(secret)}" for secret in outcome.missing_secrets]
    lines += [f"    {line}" for line in rendering.render_send_forecast(outcome.send_forecast)]
    if outcome.not_in_file_counts:
        counts = ", ".join(f"{table} {count}" for table, count in outcome.not_in_file_counts.items())
        lines.append("    " + _("Not in the file and left unchanged: %(counts)s") % {"counts": counts})
    return lines


def render_faults(faults: Iterable[OfficeFault]) -> Iterator[str]:
    """Yield the faults with their places in the file; those of the same kind are one line."""
    for group in rendering.group_by_advice(faults, "table", "key"):
        table, count = group[0]["table"], f" ({len(group)}×)" if len(group) > 1 else ""
        name = {"office": "[[office]]", "secrets": "--secrets"}.get(table, f"[[office.{table}]]")
        place = f"{name} {format_row_numbers(fault['number'] for fault in group)}{count}, {group[0]['key']}"
        yield f"{place}: “{rendering.render_values(group)}”: {group[0]['what']}"


def _render_title(item: PlanItem) -> str:
    if "kind" not in item or not item["changes"]:
        return item["name"]  # user affected by a change to a team
    what = _("new") if item["is_new"] else _("changed")
    table = "[[office]]" if item["kind"] == "office" else f"[[office.{item['kind']}]]"
    return f"{table} {item['row']}: {item['name']}, {what}"


def _render_details(item: PlanItem) -> list[str]:
    if item.get("kind") in ("office", "tenant", "set"):
        return [_render_change(key, *change) for key, change in item["changes"].items()]
    blocked = item["changes"].get("blocked")
    return ([_render_change("blocked", *blocked)] if blocked else []) + rendering.render_details(item)


def _render_change(key: str, old: Any, new: Any) -> str:
    if key == "rights":
        before, after = rights_from_codes(old or []), rights_from_codes(new or [])
        signs = [f"+ {right.label}" for right in sorted(after - before)]
        return f"{key}: {', '.join(signs + [f'- {right.label}' for right in sorted(before - after)])}"
    return (
        f"{key}: {rendering.render_value(new)}"
        if old is None
        else f"{key}: {rendering.render_value(old)} → {rendering.render_value(new)}"
    )


def _render_missing_secret(secret: MissingSecret) -> str:
    waits = {
        "mobile_number": _("awaits a mobile number; provide it with --secrets"),
        "password": _("awaits a password; provide it with --secrets"),
    }
    return f"[[office.user]] {secret['number']}: {secret['name']}, {waits[secret['key']]}"


def serialize_outcome(outcome: OfficeOutcome, *, done: bool) -> dict[str, Any]:
    return {
        "office": outcome.name,
        "number": outcome.number,
        "status": get_status(outcome, done=done),
        "items": outcome.items,
        "faults": outcome.faults,
        "waiting": outcome.missing_secrets,
        "not_in_file": outcome.not_in_file_counts,
        "refusal": outcome.refusal,
    }
