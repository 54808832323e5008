"""Render the outcome of reconciling offices as text or JSON."""

from typing import Any

from django.utils.translation import gettext as _

from bulk import showing
from bulk.office_files import Fault
from bulk.office_plans import Outcome, Waiting
from bulk.plan import Item
from teams.catalogue import known


def status(outcome: Outcome, *, done: bool) -> str:
    """Return the status in JSON output."""
    if outcome.faults:
        return "faults"
    if outcome.refusal:
        return "refused"
    return "unchanged" if outcome.is_empty else "done" if done else "planned"


def words(outcome: Outcome, *, done: bool) -> list[str]:
    """Return the outcome as lines of text, losses first."""
    said = {
        "faults": _("errors"),
        "refused": _("refused: %(why)s") % {"why": outcome.refusal},
        "unchanged": _("no changes"),
        "done": _("done"),
        "planned": _("pending"),
    }
    lines = [f"{outcome.name or '[[office]] ' + str(outcome.number)}: {said[status(outcome, done=done)]}"]
    for item in sorted(outcome.items, key=lambda item: not item.get("takes")):
        lines += [f"    {_title(item)}", *(f"        {line}" for line in _details(item))]
    lines += [f"    {fault_words(fault)}" for fault in outcome.faults]
    lines += [f"    {_waits(one)}" for one in outcome.waiting]
    if outcome.unnamed:
        counts = ", ".join(f"{table} {count}" for table, count in outcome.unnamed.items())
        lines.append("    " + _("Not in the file and left unchanged: %(counts)s") % {"counts": counts})
    return lines


def fault_words(fault: Fault) -> str:
    """Return a fault with its place in the file."""
    table = fault["table"]
    name = {"office": "[[office]]", "secrets": "--secrets"}.get(table, f"[[office.{table}]]")
    return f"{name} {fault['number']}, {fault['key']}: “{fault['value']}”: {fault['what']}"


def _title(item: Item) -> str:
    if "kind" not in item or not item["changes"]:
        return item["name"]  # user affected by a change to a team
    what = _("new") if item["is_new"] else _("changed")
    table = "[[office]]" if item["kind"] == "office" else f"[[office.{item['kind']}]]"
    return f"{table} {item['row']}: {item['name']}, {what}"


def _details(item: Item) -> list[str]:
    if item.get("kind") in ("office", "tenant", "set"):
        return [_change(key, *change) for key, change in item["changes"].items()]
    blocked = item["changes"].get("blocked")
    return ([_change("blocked", *blocked)] if blocked else []) + showing.details(item)


def _change(key: str, old: Any, new: Any) -> str:
    if key == "rights":
        before, after = known(old or []), known(new or [])
        signs = [f"+ {right.label}" for right in sorted(after - before)]
        return f"{key}: {', '.join(signs + [f'- {right.label}' for right in sorted(before - after)])}"
    return f"{key}: {showing.shown(new)}" if old is None else f"{key}: {showing.shown(old)} → {showing.shown(new)}"


def _waits(one: Waiting) -> str:
    waits = {
        "mobile_number": _("awaits a mobile number; provide it with --secrets"),
        "password": _("awaits a password; provide it with --secrets"),
    }
    return f"[[office.user]] {one['number']}: {one['name']}, {waits[one['key']]}"


def plain(outcome: Outcome, *, done: bool) -> dict[str, Any]:
    """Return the outcome for JSON output."""
    return {
        "office": outcome.name,
        "number": outcome.number,
        "status": status(outcome, done=done),
        "items": outcome.items,
        "faults": outcome.faults,
        "waiting": outcome.waiting,
        "not_in_file": outcome.unnamed,
        "refusal": outcome.refusal,
    }
