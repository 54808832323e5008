"""Codes, tokens, state, nonce, verifier and the client secret are not readable anywhere."""

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import pytest
from django.test import Client, RequestFactory

from accounts.models import User
from core import encryption
from demo import fake_entra
from tests.helpers.entra import TID, Forger, build_callback_url, get_flow_cookies, start_sign_in
from tests.helpers.entra import dora as dora
from tests.helpers.entra import entra as entra
from tests.helpers.entra import tenant as tenant
from tests.invitations.test_secrets import dump

pytestmark = pytest.mark.django_db


def journey(entra: Forger, client: Client, start: str, **who: Any) -> set[str]:
    """Sign in at Microsoft and return; returns every secret involved."""
    asked = start_sign_in(client, start)
    *_earlier, (name, signed) = get_flow_cookies(client).items()
    request = RequestFactory().get("/")
    request.COOKIES[name] = signed.value
    cookie = request.get_signed_cookie(name, salt="signin microsoft")
    flow = json.loads(encryption.decrypt_text(cookie, context="journey to microsoft"))["flow"]
    address = build_callback_url(entra, asked, **who)
    client.get(address)
    code = dict(parse_qsl(urlsplit(address).query))["code"]
    return {asked["state"], asked["nonce"], asked["code_challenge"], code, flow["nonce"], flow["code_verifier"], cookie}


@pytest.mark.parametrize("forged", [{}, {"aud": "x"}, {"nonce": "x"}])
def test_nothing_is_kept_or_logged(
    client: Client,
    entra: Forger,
    dora: User,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    forged: dict[str, str],
) -> None:
    caplog.set_level("DEBUG")
    caplog.handler.level = 0
    entra.said = forged
    secrets = {fake_entra.get_client_secret()}
    secrets |= journey(entra, Client(), "/inloggen/microsoft/", tid=TID, oid=uuid4())
    secrets |= journey(entra, client, "/inloggen/microsoft/")
    secrets |= {part for token in entra.tokens for part in token.split(".")[1:]}
    if not forged:
        secrets |= journey(entra, client, "/bevestigen/microsoft/")
    out = capfd.readouterr()
    logged = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("django.db"))
    found = dump() + logged + out.out + out.err + json.dumps(dict(client.session))
    assert not [secret for secret in secrets if secret in found]
    assert ("_auth_user_id" in client.session) == (not forged)
