"""Encrypted storage of jobs: input, summary, and pages of items and faults."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypedDict

from bulk import showing
from bulk.models import Operation, Page
from bulk.plan import Item, Plan
from loket import sealing

SHOWN = 100  # per page
_SIGN_IN = {"login_method", "email", "invitation", "two_factor_required", "external_tenant", "external_user_id"}


class Summary(TypedDict):
    """Totals displayed above the pages, numbers of items and faults, and why a job was refused."""

    totals: list[str]
    items: int
    faults: int
    rows: int
    refusal: str
    error: str
    signs_in: bool  # whether it changes how existing users sign in


NOTHING = Summary(totals=[], items=0, faults=0, rows=0, refusal="", error="", signs_in=False)


def keep_input(operation: Operation, content: bytes) -> None:
    """Set the encrypted input, without saving the job."""
    operation.sealed_input = sealing.seal(content, context=operation.seal_context("input"))


def input_of(operation: Operation) -> bytes:
    return sealing.unseal(bytes(operation.sealed_input or b""), context=operation.seal_context("input"))


def keep_summary(operation: Operation, summary: Summary) -> None:
    """Set the encrypted summary, without saving the job."""
    operation.sealed_summary = sealing.seal(json.dumps(summary).encode(), context=operation.seal_context("summary"))


def summary_of(operation: Operation) -> Summary:
    context = operation.seal_context("summary")
    found: Summary = json.loads(sealing.unseal(bytes(operation.sealed_summary), context=context))
    return found


def summarize(operation: Operation, plan: Plan, *, rows: int) -> None:
    """Set the summary and digest of `plan`, for which `rows` rows were read, without saving the job."""
    operation.digest = plan.digest
    found = Summary(
        totals=showing.totals(plan, passes_over=operation.passes_over),
        items=len(plan.items),
        faults=len(plan.faults),
        rows=rows,
        refusal=plan.refusal,
        error="",
        signs_in=any(_changes_sign_in(item) for item in plan.items),
    )
    keep_summary(operation, found)


def _changes_sign_in(item: Item) -> bool:
    """Return whether the item changes how an existing user signs in."""
    return not item["is_new"] and bool(_SIGN_IN & item["changes"].keys())


def keep_pages(operation: Operation, what: Page.What, values: Iterable[Any]) -> None:
    """Replace the pages of a list by `values`; the job must be saved already."""
    operation.pages.filter(what=what).delete()
    pages = (_page(operation, what, number, part) for number, part in enumerate(_parts(values), start=1))
    while some := list(islice(pages, 20)):
        Page.objects.bulk_create(some)


def _page(operation: Operation, what: Page.What, number: int, values: list[Any]) -> Page:
    page = Page(operation=operation, provider_id=operation.provider_id, what=what, number=number)
    page.sealed_values = sealing.seal(json.dumps(values).encode(), context=page.seal_context)
    return page


def _parts(values: Iterable[Any]) -> Iterator[list[Any]]:
    waiting = iter(values)
    while part := list(islice(waiting, SHOWN)):
        yield part


def page_of(operation: Operation, what: Page.What, number: int) -> tuple[list[Any], bool]:
    """Return the values of a page, and whether there is a next one."""
    found = operation.pages.filter(what=what, number__gte=number).order_by("number")[:2]
    return (_values(found[0]), len(found) > 1) if found else ([], False)


def items_of(operation: Operation) -> Iterator[Item]:
    """Yield all items of a job, losses first."""
    return values_of(operation, Page.What.ITEMS)


def faults_of(operation: Operation) -> Iterator[Any]:
    return values_of(operation, Page.What.FAULTS)


def values_of(operation: Operation, what: Page.What) -> Iterator[Any]:
    """Yield the values of all pages of a list."""
    for page in operation.pages.filter(what=what).order_by("number").iterator(chunk_size=20):
        yield from _values(page)


def _values(page: Page) -> list[Any]:
    found: list[Any] = json.loads(sealing.unseal(bytes(page.sealed_values), context=page.seal_context))
    return found
