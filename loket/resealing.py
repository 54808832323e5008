"""Everything that is sealed with LOKET_SEALING_KEYS, read or sealed anew with the newest of them."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from django.db import models

from audit.models import PersonKey
from bulk.models import Operation, Page
from loket import sealing
from outbox.models import Message
from signin.models import AuthenticatorApp, ResetRequest
from webservice.models import KeptAnswer, SigningKey


class Place(NamedTuple):
    """A column with something sealed in it, and what each value is bound to."""

    model: type[models.Model]
    column: str
    context: Callable[[Any], str]


PLACES = (
    Place(PersonKey, "sealed_key", lambda row: row.seal_context),
    Place(Message, "sealed_body", lambda row: row.seal_context),
    Place(AuthenticatorApp, "sealed_secret", lambda row: row.seal_context),
    Place(ResetRequest, "sealed_email", lambda row: row.seal_context),
    Place(SigningKey, "sealed_pem", lambda row: row.seal_context),
    Place(KeptAnswer, "sealed_answer", lambda row: row.seal_context),
    Place(Operation, "sealed_input", lambda row: row.seal_context("input")),
    Place(Operation, "sealed_summary", lambda row: row.seal_context("summary")),
    Place(Page, "sealed_values", lambda row: row.seal_context),
)


class Found(NamedTuple):
    """How many values there are in a place, how many older keys sealed, and how many no key opens."""

    place: Place
    values: int
    older: int
    unreadable: int


def look(*, seal: bool) -> Iterator[Found]:
    """Look through every place; with `seal`, have the newest key seal what an older one did.

    A value that changes meanwhile is left alone: what changes it seals it with the newest key, or removes it.
    """
    for place in PLACES:
        values = older = unreadable = 0
        rows: models.QuerySet[Any] = place.model._default_manager.exclude(**{place.column: None}).order_by("pk")
        for row in rows.iterator(chunk_size=500):
            values += 1
            sealed = bytes(getattr(row, place.column))
            try:
                fresh = sealing.resealed(sealed, context=place.context(row))
            except sealing.Unreadable:
                unreadable += 1
                continue
            older += fresh is not None
            if seal and fresh is not None:
                rows.filter(pk=row.pk, **{place.column: sealed}).update(**{place.column: fresh})
        yield Found(place, values, older, unreadable)
