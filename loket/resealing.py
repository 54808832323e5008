"""Key rotation: check or re-encrypt every value encrypted with LOKET_SEALING_KEYS."""

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
    """A column of encrypted values and the context that binds each value to its row."""

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
    """Number of values in a column, of values under an older key, and of values that no key decrypts."""

    place: Place
    values: int
    older: int
    unreadable: int


def look(*, seal: bool) -> Iterator[Found]:
    """Check every encrypted column; with `seal`, re-encrypt values of older keys with the newest one.

    A value that changes meanwhile is skipped: the change encrypts it with the newest key, or removes it.
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
