"""Forged ID tokens, one defect at a time: all are refused and recorded, and none causes an error."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.test import Client

from accounts.models import User
from audit.models import Event, Verb
from authentication.microsoft import id_tokens
from authentication.microsoft.errors import ErrorPage
from authentication.microsoft.id_tokens import InvalidIdToken, MicrosoftIdentity, SigningKeyCache, validate_id_token
from demo import fake_entra
from demo.fake_entra import FakeResponse
from tests.helpers import audit_events
from tests.helpers.entra import OID, TID, Forger, make_tenant, visit
from tests.helpers.entra import dora as dora
from tests.helpers.entra import entra as entra
from tests.helpers.entra import tenant as tenant

pytestmark = pytest.mark.django_db
OTHER_TID = UUID("11111111-2222-4333-8444-555555555555")
_other_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def visit_refused(entra: Forger, reason: str) -> None:
    client = Client()
    response = visit(client, entra)
    assert response.status_code == 302
    told = client.get(response["Location"])
    assert told.context["page"] == (
        ErrorPage.CLOCKS if reason in ("expired", "not_yet_valid") else ErrorPage.NOT_TRUSTED
    )
    assert "_auth_user_id" not in client.session
    assert audit_events.list_reasons() == [(Verb.SIGN_IN_REFUSED, reason)]


def coded(part: Any) -> str:
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def with_public_key_as_secret(entra: Forger, claims: dict[str, Any]) -> str:
    public = entra.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = f"{coded({'alg': 'HS256', 'typ': 'JWT', 'kid': entra.kid})}.{coded(claims)}"
    return f"{signed}.{coded(hmac.digest(public, signed.encode(), 'sha256'))}"


def encoded(key: Any, algorithm: str, **headers: Any) -> Callable[[Forger, dict[str, Any]], str]:
    return lambda entra, claims: jwt.encode(
        claims, key or entra.key, algorithm=algorithm, headers={"kid": entra.kid, **headers}
    )


SIGNED = {
    "another key": (encoded(_other_key, "RS256"), "signature"),
    "damaged": (lambda entra, claims: encoded(None, "RS256")(entra, claims)[:-8] + "AAAAAAAA", "signature"),
    "no signature": (lambda entra, claims: f"{coded({'alg': 'none', 'kid': entra.kid})}.{coded(claims)}.", "algorithm"),
    "None": (lambda entra, claims: f"{coded({'alg': 'None', 'kid': entra.kid})}.{coded(claims)}.", "algorithm"),
    "signature cut off": (lambda entra, claims: encoded(None, "RS256")(entra, claims).rpartition(".")[0] + ".", None),
    "the public key as a secret": (with_public_key_as_secret, "algorithm"),
    "RS512": (encoded(None, "RS512"), "algorithm"),
    "PS256": (encoded(None, "PS256"), "algorithm"),
    "a key that nobody published": (encoded(_other_key, "RS256", kid="unknown"), "key"),
    "no name of a key": (lambda entra, claims: jwt.encode(claims, entra.key, algorithm="RS256"), "key"),
    "a key of its own": (encoded(_other_key, "RS256", kid="mine", jku="https://evil.example/keys"), "key"),
    "two parts": (lambda entra, claims: f"{coded({'alg': 'RS256', 'kid': entra.kid})}.{coded(claims)}", "malformed"),
    "no header": (lambda entra, claims: f"x.{coded(claims)}.x", "malformed"),
}


@pytest.mark.parametrize("case", SIGNED)
def test_a_wrong_signature_is_refused(entra: Forger, dora: User, case: str) -> None:
    forge, reason = SIGNED[case]
    entra.sign = lambda claims: forge(entra, claims)
    client = Client()
    response = visit(client, entra)
    assert client.get(response["Location"]).context["page"] == ErrorPage.NOT_TRUSTED
    assert "_auth_user_id" not in client.session
    event = Event.objects.get()
    assert event.verb == Verb.SIGN_IN_REFUSED
    assert event.reason in ({reason} if reason else {"signature", "malformed", "key"})


def iss(tid: object) -> str:
    return fake_entra.ISSUER.replace("{tenantid}", str(tid))


class FromNow(int):
    """A number of seconds from the time of the test."""


def resolved(said: dict[str, Any]) -> dict[str, Any]:
    now = int(time.time())
    return {name: now + value if isinstance(value, FromNow) else value for name, value in said.items()}


CLAIMS: list[tuple[dict[str, Any], str]] = [
    ({"aud": str(OTHER_TID)}, "audience"),
    ({"aud": [fake_entra.CLIENT_ID]}, "audience"),
    ({"aud": None}, "claims"),
    ({"iss": iss(OTHER_TID)}, "issuer"),
    ({"tid": str(OTHER_TID)}, "issuer"),
    ({"iss": fake_entra.ISSUER}, "issuer"),
    ({"iss": f"https://evil.example/{TID}/v2.0"}, "issuer"),
    ({"iss": f"https://sts.windows.net/{TID}/"}, "issuer"),
    ({"iss": iss(str(TID).upper()), "tid": str(TID).upper()}, "claims"),
    ({"iss": None}, "claims"),
    ({"exp": FromNow(-200)}, "expired"),
    ({"exp": None}, "claims"),
    ({"exp": "soon"}, "claims"),
    ({"nbf": FromNow(1000)}, "not_yet_valid"),
    ({"nbf": None}, "claims"),
    ({"iat": FromNow(1000)}, "not_yet_valid"),
    ({"iat": None}, "claims"),
    ({"tid": None}, "claims"),
    ({"tid": "{tenantid}"}, "claims"),
    ({"tid": 5}, "claims"),
    ({"tid": [str(TID)]}, "claims"),
    ({"oid": None}, "claims"),
    ({"oid": "x\x00"}, "claims"),
    ({"oid": {"$ne": ""}}, "claims"),
    ({"auth_time": "now"}, "claims"),
    ({"nonce": "another"}, "nonce_or_malformed"),
    ({"nonce": None}, "nonce_or_malformed"),
]


@pytest.mark.parametrize(("said", "reason"), CLAIMS)
def test_a_false_claim_is_refused(entra: Forger, dora: User, charlie: User, said: dict[str, Any], reason: str) -> None:
    make_tenant(charlie.provider, OTHER_TID)
    entra.said = resolved(said)
    visit_refused(entra, reason)


def test_a_token_of_an_earlier_sign_in_is_refused(entra: Forger, dora: User) -> None:
    visit(Client(), entra)
    (earlier,) = entra.tokens
    audit_events.truncate_history()
    entra.sign = lambda claims: earlier
    visit_refused(entra, "nonce_or_malformed")


@pytest.mark.parametrize("said", [{"exp": FromNow(-60)}, {"nbf": FromNow(60)}, {"iat": FromNow(60)}])
def test_clocks_may_differ_a_little(client: Client, entra: Forger, dora: User, said: dict[str, Any]) -> None:
    entra.said = resolved(said)
    visit(client, entra)
    assert "_auth_user_id" in client.session


def test_a_key_of_one_tenant_does_not_sign_for_another(entra: Forger, dora: User) -> None:
    entra.published = [{**entra._public_key(), "issuer": iss(OTHER_TID)}]
    visit_refused(entra, "issuer")


@pytest.mark.parametrize("changed", [{"kty": "EC"}, {"use": "enc"}, {"kid": "another"}])
def test_a_key_for_something_else_does_not_count(entra: Forger, dora: User, changed: dict[str, str]) -> None:
    entra.published = [{**entra._public_key(), **changed}]
    visit_refused(entra, "key")


def check(entra: Forger, keys: SigningKeyCache, nonce: str = "n", **said: Any) -> MicrosoftIdentity:
    entra.said = said
    kept = {"tid": str(TID), "oid": str(OID), "at": 1, "request": {"nonce": "n"}}
    token = entra.sign_id_token(entra.build_claims(kept))
    return validate_id_token(token, keys=keys, http=entra, client_id=fake_entra.CLIENT_ID, nonce=nonce)


def test_validation_says_whom_microsoft_vouches_for(entra: Forger) -> None:
    assert check(entra, SigningKeyCache(fake_entra.AUTHORITY)) == MicrosoftIdentity(TID, OID, 1)
    assert check(entra, SigningKeyCache(fake_entra.AUTHORITY), auth_time=None) == MicrosoftIdentity(TID, OID, None)


def test_validation_looks_at_the_nonce_itself(entra: Forger) -> None:
    with pytest.raises(InvalidIdToken, match="nonce"):
        check(entra, SigningKeyCache(fake_entra.AUTHORITY), nonce="other")
    with pytest.raises(InvalidIdToken, match="nonce"):
        check(entra, SigningKeyCache(fake_entra.AUTHORITY), nonce="é")


def test_keys_are_kept_and_read_again_once_a_minute_for_an_unknown_one(
    entra: Forger, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(id_tokens.time, "monotonic", lambda: now[0])
    keys = SigningKeyCache(fake_entra.AUTHORITY)
    reads = lambda: sum(url.endswith("/keys") for url in entra.fetched)  # noqa: E731
    for _time in range(3):
        check(entra, keys)
    assert reads() == 1
    entra.key = _other_key  # Microsoft changes its key
    for _time in range(3):
        with pytest.raises(InvalidIdToken, match="key"):
            check(entra, keys)
    assert reads() == 1
    now[0] += 61
    check(entra, keys)
    assert reads() == 2
    now[0] += 24 * 3600 + 1
    check(entra, keys)
    assert reads() == 3


def test_unreadable_answers_are_told_apart_from_false_tokens(entra: Forger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(entra), "get", lambda self, url, **options: FakeResponse(500, {}))
    with pytest.raises(OSError, match="status 500"):
        check(entra, SigningKeyCache(fake_entra.AUTHORITY))


def test_the_nonce_that_microsoft_sees_is_a_hash(client: Client, entra: Forger, dora: User) -> None:
    visit(client, entra)
    nonce = jwt.decode(entra.tokens[0], options={"verify_signature": False})["nonce"]
    assert len(nonce) == len(hashlib.sha256().hexdigest())
