"""Apply plans of every kind through the same actions as the pages, in one transaction."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

from django.db import transaction
from django.utils.translation import gettext as _
from structlog.contextvars import bound_contextvars

from accounts.locks import lock_provider
from accounts.models import Provider
from audit.actors import Actor
from imports.plans.plan import (
    ApplyContext,
    Command,
    Plan,
    PlanItem,
    PlanRefused,
    ProgressCallback,
    ignore_progress,
    refuse_on_error,
)
from outbox import message_limits

_BATCH_SIZE = 1000  # commands applied at once


def plan_and_apply(
    provider: Provider,
    make_plan: Callable[[Provider], Plan],
    *,
    by: Actor,
    digest: str | None = None,
    skips_faults: bool = False,
    progress: ProgressCallback = ignore_progress,
) -> Plan:
    """Lock the office, plan, and apply the plan; return it with the assigned IDs.

    `digest` identifies the plan that was reviewed: a different plan is refused. A plan with faults is returned without
    applying anything, unless `skips_faults`. `progress` is called with the items applied. Raises PlanRefused.
    """
    with refuse_on_error(), transaction.atomic():
        provider = lock_provider(provider.pk)
        plan = make_plan(provider)
        check_plan(plan, digest)
        if plan.faults and not skips_faults:
            return plan
        if plan.faults and plan.is_empty:
            raise PlanRefused(_("This is no longer possible for any of these users. Create the plan again to see why."))
        apply_plan(provider, plan, by=by, progress=progress)
    return plan


def check_plan(plan: Plan, digest: str | None) -> None:
    """Raise PlanRefused when the plan differs from the reviewed one with `digest`, or is refused itself."""
    if digest is not None and plan.digest != digest and not plan.is_empty:
        raise PlanRefused(
            _("The office or the file has changed since this plan was created. Create the plan again and review it.")
        )
    if plan.refusal:
        raise PlanRefused(plan.refusal)


def apply_plan(provider: Provider, plan: Plan, *, by: Actor, progress: ProgressCallback = ignore_progress) -> None:
    """Apply a plan to an office that the caller has locked, all or nothing. Raises PlanRefused."""
    by = by if by.correlation_id else replace(by, correlation_id=plan.digest[:36])
    pairs: dict[type[Command], list[tuple[PlanItem, Command]]] = defaultdict(list)
    for step in plan.steps:
        for command in step.commands:
            pairs[type(command)].append((step.item, command))
    last_commands = {id(step.commands[-1]) for step in plan.steps if step.commands}
    context = ApplyContext(provider, by)
    with (
        refuse_on_error(),
        transaction.atomic(),
        bound_contextvars(correlation_id=by.correlation_id),  # that of its messages
        message_limits.batch_charges(),
    ):
        for kind in sorted(pairs, key=lambda kind: kind.phase):
            for start in range(0, len(pairs[kind]), _BATCH_SIZE):
                batch = pairs[kind][start : start + _BATCH_SIZE]
                kind.apply_all(batch, context)
                progress(sum(id(command) in last_commands for _item, command in batch))
    plan.is_applied = True
