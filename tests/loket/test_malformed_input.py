"""Every URL answers any malformed input with a page, never with an error (1 MB, no token, NUL, emoji, …)."""

from typing import Any
from uuid import UUID

import pytest
from django.forms import BaseForm
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
NASTY = [
    "",
    " ",
    "\x00",
    "a\x00b",
    "🙂" * 40,
    "\u202egnp.exe",
    "<script>alert(1)</script>",
    "{{ 7 }}{% x %}{0}%s",
    "x" * 5_000,
    "-1",
    "99999999999999999999",
    "2026-02-30",
    "٣",
]
ODD = ["🙂", "\u202e<b>"]  # may pass the form and so get further
# What programs send carries no token of ours, but their own.
BY_MACHINES = (
    "outbox:delivery_report", "outbox:sms_receipt", "v2:", "scim_v2:",
    *(f"oauth:{name}" for name in ("par", "token", "revoke", "introspect", "userinfo"))
)  # fmt: skip


def names(patterns: list[URLPattern | URLResolver], space: str = "") -> list[tuple[str, tuple[str, ...]]]:
    """Return the name of every URL and the types of its parameters."""
    found = []
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            found += names(pattern.url_patterns, f"{space}{pattern.namespace}:" if pattern.namespace else space)
        else:
            kinds = tuple(type(converter).__name__ for converter in pattern.pattern.converters.values())
            found.append((f"{space}{pattern.name}", kinds))
    return found


EVERY = names(get_resolver().url_patterns)


def address(name: str, kinds: tuple[str, ...], id_: UUID) -> str:
    values = {"UUIDConverter": id_, "UUIDStrConverter": id_, "IntConverter": 1}
    return reverse(name, args=[values.get(kind, "x" * 43) for kind in kinds])


def signed_in(user: User, **options: Any) -> Client:
    client = Client(**options)
    client.force_login(user)
    return client


def read(response: HttpResponse) -> None:
    """Read a file to the end, which closes it."""
    if response.streaming:
        response.getvalue()


def fields(response: HttpResponse) -> dict[str, Any]:
    """Return the fields that the form on the page would submit, "q" if it has none."""
    read(response)
    form = (getattr(response, "context", None) or {}).get("form")
    if not isinstance(form, BaseForm):
        return {"q": ""}
    return {name: form[name].value() if form[name].value() is not None else "" for name in form.fields}


def status(response: HttpResponse) -> int:
    read(response)
    return response.status_code


@pytest.mark.parametrize(("name", "kinds"), EVERY, ids=[name for name, _kinds in EVERY])
def test_malformed_input_is_never_a_server_error(name: str, kinds: tuple[str, ...], alice: User, bob: User) -> None:
    url = address(name, kinds, bob.pk)
    for client in (signed_in(alice), Client()):
        good = fields(client.get(url))
        alone = [{**good, field: value} for field in good for value in ODD]
        for data in [*(dict.fromkeys(good, value) for value in NASTY), *alone]:
            assert status(client.post(url, data)) < 500
        for value in NASTY:
            assert status(client.get(url, dict.fromkeys([*good, "next", "page"], value))) < 500


@pytest.mark.parametrize(("name", "kinds"), EVERY, ids=[name for name, _kinds in EVERY])
def test_large_bodies_and_forms_without_a_token_are_refused(
    name: str, kinds: tuple[str, ...], alice: User, bob: User
) -> None:
    url = address(name, kinds, bob.pk)
    posted = signed_in(alice).post(url, {"q": "x" * 1_000_000})
    if posted.status_code == 405 or name.startswith(BY_MACHINES):
        return
    assert posted.status_code in (302, 400, 403, 404)
    assert signed_in(alice, enforce_csrf_checks=True).post(url, {"q": "x"}).status_code == 403
