"""Encrypted storage of jobs: input, summary, and pages of items and faults."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypedDict

from core import encryption
from imports.models import ImportJob, ImportJobPage
from imports.plans import rendering
from imports.plans.plan import Plan, PlanItem

ITEMS_PER_PAGE = 100  # per page
_SIGN_IN_FIELDS = {"login_method", "email", "invitation", "two_factor_required", "external_tenant", "external_user_id"}


class JobSummary(TypedDict):
    """Totals displayed above the pages, numbers of items and faults, and why a job was refused."""

    totals: list[str]
    items: int
    faults: int
    rows: int
    refusal: str
    error: str
    signs_in: bool  # whether it changes how existing users sign in


EMPTY_SUMMARY = JobSummary(totals=[], items=0, faults=0, rows=0, refusal="", error="", signs_in=False)


def set_input(job: ImportJob, content: bytes) -> None:
    """Set the encrypted input, without saving the job."""
    job.encrypted_input = encryption.encrypt(content, context=job.encryption_context("input"))


def load_input(job: ImportJob) -> bytes:
    return encryption.decrypt(bytes(job.encrypted_input or b""), context=job.encryption_context("input"))


def set_summary(job: ImportJob, summary: JobSummary) -> None:
    """Set the encrypted summary, without saving the job."""
    job.encrypted_summary = encryption.encrypt(json.dumps(summary).encode(), context=job.encryption_context("summary"))


def load_summary(job: ImportJob) -> JobSummary:
    context = job.encryption_context("summary")
    found: JobSummary = json.loads(encryption.decrypt(bytes(job.encrypted_summary), context=context))
    return found


def set_plan_summary(job: ImportJob, plan: Plan, *, rows: int) -> None:
    """Set the summary and digest of `plan`, for which `rows` rows were read, without saving the job."""
    job.digest = plan.digest
    found = JobSummary(
        totals=rendering.render_totals(plan, skips_failures=job.skips_failures),
        items=len(plan.items),
        faults=len(plan.faults),
        rows=rows,
        refusal=plan.refusal,
        error="",
        signs_in=any(_changes_sign_in(item) for item in plan.items),
    )
    set_summary(job, found)


def _changes_sign_in(item: PlanItem) -> bool:
    """Return whether the item changes how an existing user signs in."""
    return not item["is_new"] and bool(_SIGN_IN_FIELDS & item["changes"].keys())


def store_pages(job: ImportJob, list_name: ImportJobPage.ListName, values: Iterable[Any]) -> None:
    """Replace the pages of a list by `values`; the job must be saved already."""
    job.pages.filter(what=list_name).delete()
    pages = (
        _build_page(job, list_name, number, part) for number, part in enumerate(_split_into_pages(values), start=1)
    )
    while some := list(islice(pages, 20)):
        ImportJobPage.objects.bulk_create(some)


def _build_page(job: ImportJob, list_name: ImportJobPage.ListName, number: int, values: list[Any]) -> ImportJobPage:
    page = ImportJobPage(operation=job, provider_id=job.provider_id, what=list_name, number=number)
    page.encrypted_values = encryption.encrypt(json.dumps(values).encode(), context=page.encryption_context)
    return page


def _split_into_pages(values: Iterable[Any]) -> Iterator[list[Any]]:
    waiting = iter(values)
    while part := list(islice(waiting, ITEMS_PER_PAGE)):
        yield part


def load_page(job: ImportJob, list_name: ImportJobPage.ListName, number: int) -> tuple[list[Any], bool]:
    """Return the values of a page, and whether there is a next one."""
    found = job.pages.filter(what=list_name, number__gte=number).order_by("number")[:2]
    return (_decrypt_values(found[0]), len(found) > 1) if found else ([], False)


def iterate_items(job: ImportJob) -> Iterator[PlanItem]:
    return iterate_values(job, ImportJobPage.ListName.ITEMS)


def iterate_faults(job: ImportJob) -> Iterator[Any]:
    return iterate_values(job, ImportJobPage.ListName.FAULTS)


def iterate_values(job: ImportJob, list_name: ImportJobPage.ListName) -> Iterator[Any]:
    for page in job.pages.filter(what=list_name).order_by("number").iterator(chunk_size=20):
        yield from _decrypt_values(page)


def _decrypt_values(page: ImportJobPage) -> list[Any]:
    found: list[Any] = json.loads(encryption.decrypt(bytes(page.encrypted_values), context=page.encryption_context))
    return found
