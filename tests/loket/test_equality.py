"""A password is the same at every door, however the keyboard composes it."""

import base64
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from accounts.models import Provider
from accounts.passwords import hash_password
from tests.helpers.login_methods import make_service
from tests.helpers.users import make_user

pytestmark = pytest.mark.django_db

COMPOSED, DECOMPOSED = "Zomer\u00e9-\u00c9\u00e9n-2026", "Zomere\u0301-E\u0301e\u0301n-2026"


def request_token(username: str, password: str) -> Any:
    credentials = base64.b64encode(f"{quote(username)}:{quote(password)}".encode()).decode()
    data = {"grant_type": "client_credentials"}
    return Client().post("/oauth/token/", data, headers={"Authorization": f"Basic {credentials}"})


@pytest.mark.parametrize(("chosen", "typed"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_a_password_with_accents_works_from_every_keyboard(
    client: Client, office: Provider, chosen: str, typed: str
) -> None:
    make_user(office, username="alice", password=hash_password(chosen))
    make_service(office, username="dienst", password=hash_password(chosen))
    assert client.post("/inloggen/", {"username": "alice", "password": typed}).status_code == 302
    assert request_token("dienst", typed).status_code == 200
    assert request_token("dienst", typed.upper()).status_code == 401
