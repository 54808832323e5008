"""Clients that sign with a key of their own instead of sending a secret (private_key_jwt)."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import pytest
import time_machine
from authlib.oauth2.rfc7523 import private_key_jwt_sign
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

import oauth.jobs
from accounts.models import Provider, User
from audit.models import Event, Verb
from oauth.client_assertions import ASSERTION_TYPE, UsedAssertion, compute_thumbprints, parse_public_keys
from oauth.models import Application
from tests.oauth.test_applications import GOOD, LIST
from tests.oauth.test_authorization_code import BACK, SECRET, make_application
from tests.oauth.test_client_credentials import basic
from tests.oauth.test_public_clients import make_public, obtain_code, redeem

pytestmark = pytest.mark.django_db
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def to_jwk(key: Any, *, private: bool = False, **more: str) -> dict[str, Any]:
    kind = jwt.algorithms.ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else jwt.algorithms.RSAAlgorithm
    found: dict[str, Any] = kind.to_jwk(key if private else key.public_key(), as_dict=True)
    return {name: value for name, value in found.items() if name != "key_ops"} | more


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def signer(office: Provider, rsa_key: rsa.RSAPrivateKey) -> Application:
    """A client with an EC and an RSA key."""
    keys = [to_jwk(EC_KEY, kid="ec"), to_jwk(rsa_key, kid="rsa")]
    return make_public(office, BACK, authentication="private_key_jwt", public_keys=keys)


def sign(program: Application, key: Any = EC_KEY, algorithm: str = "ES256", kid: str = "ec", **change: Any) -> str:
    now = int(timezone.now().timestamp())
    claims = {
        "iss": program.client_id, "sub": program.client_id, "aud": settings.LOKET_URL, "jti": str(uuid4()),
        "iat": now, "exp": now + 60,
    } | change  # fmt: skip
    sent = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(sent, key, algorithm, headers={"kid": kid} if kid else None)


def revoke(program: Application, assertion: str, *, headers: Any = None, **more: Any) -> Any:
    """Authenticate at the revocation endpoint, which then succeeds whatever the token."""
    fields = {"token": "x", "client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE} | more
    data = {name: value for name, value in fields.items() if value is not None}
    return Client().post("/oauth/revoke/", data, headers=headers or {})


def test_an_assertion_obtains_tokens(bob_client: Client, signer: Application) -> None:
    code = obtain_code(bob_client, signer)
    more = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": sign(signer)}
    answer = redeem(signer, code, **more)
    assert answer.status_code == 200, answer.text
    again = {"grant_type": "refresh_token", "refresh_token": answer.json()["refresh_token"]}
    fresh = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": sign(signer)}
    assert Client().post("/oauth/token/", again | fresh).status_code == 200


def test_all_three_algorithms_and_no_others(signer: Application, rsa_key: rsa.RSAPrivateKey) -> None:
    for key, algorithm, kid in ((EC_KEY, "ES256", "ec"), (rsa_key, "RS256", "rsa"), (rsa_key, "PS256", "rsa")):
        assert revoke(signer, sign(signer, key, algorithm, kid)).status_code == 200, algorithm
        assert revoke(signer, sign(signer, key, algorithm, "")).status_code == 200, algorithm
    for algorithm in ("RS384", "RS512", "PS512"):
        assert revoke(signer, sign(signer, rsa_key, algorithm, "rsa")).status_code == 401, algorithm
    assert revoke(signer, sign(signer, to_jwk(EC_KEY)["x"], "HS256")).status_code == 401
    assert revoke(signer, jwt.encode({"sub": signer.client_id}, None, "none")).status_code == 401
    assert revoke(signer, sign(signer, ec.generate_private_key(ec.SECP256R1()))).status_code == 401
    assert revoke(signer, sign(signer, kid="rsa")).status_code == 401


def test_every_endpoint_and_the_issuer_are_the_audience(signer: Application) -> None:
    for good in (settings.LOKET_URL, f"{settings.LOKET_URL}/oauth/token/", f"{settings.LOKET_URL}/oauth/revoke/",
                 [settings.LOKET_URL]):  # fmt: skip
        assert revoke(signer, sign(signer, aud=good)).status_code == 200, good
    for bad in ("https://other.example", "", [], None, [settings.LOKET_URL, "https://other.example"],
                f"{settings.LOKET_URL}/oauth/introspect/"):  # fmt: skip
        assert revoke(signer, sign(signer, aud=bad)).status_code == 401, bad


def test_an_assertion_works_once(signer: Application, office: Provider) -> None:
    assertion = sign(signer, jti="een")
    assert [revoke(signer, assertion).status_code for _time in range(2)] == [200, 401]
    assert revoke(signer, sign(signer, jti="een", exp=int(timezone.now().timestamp()) + 90)).status_code == 401
    other = make_public(office, BACK, name="B", authentication="private_key_jwt", public_keys=signer.public_keys)
    assert revoke(other, sign(other, jti="een")).status_code == 200  # each client chooses its own
    assert revoke(other, sign(signer)).status_code == 200
    assert revoke(other, sign(signer), client_id=str(other.client_id)).status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        {"jti": None}, {"jti": 1}, {"exp": None}, {"exp": "x"}, {"iss": None}, {"sub": None}, {"iss": "x"},
        {"sub": "x"}, {"exp": 1}, {"exp": 4_000_000_000}, {"exp": float("inf")}, {"iat": "x"}, {"iat": 4_000_000_000},
        {"nbf": 4_000_000_000}, {"iat": 1}, {"aud": [{}]}, {"aud": {}}, {"sub": "\ud800"}, {"iat": -1e300}, {"exp": []},
    ],
)  # fmt: skip
def test_claims_are_checked(signer: Application, change: dict[str, Any]) -> None:
    assert revoke(signer, sign(signer, **change)).status_code == 401
    assert not UsedAssertion.objects.exists()


def test_half_a_character_is_no_server_error(signer: Application) -> None:
    assertion = sign(signer, jti="\ud800")
    assert [revoke(signer, assertion).status_code for _time in range(2)] == [200, 401]


def test_it_lives_some_minutes_at_most(signer: Application) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        now = int(timezone.now().timestamp())
        assert revoke(signer, sign(signer, iat=None, exp=now + 300)).status_code == 200
        assert revoke(signer, sign(signer, iat=None, exp=now + 3600)).status_code == 401
        assert revoke(signer, sign(signer, exp=now + 24 * 3600)).status_code == 401
        late = sign(signer, exp=now + 3600)
        clock.shift(timedelta(minutes=7))
        assert revoke(signer, late).status_code == 401
        oauth.jobs.delete_expired()
        assert not UsedAssertion.objects.exists()


@pytest.mark.parametrize("iat", [None, 0])
def test_without_time_of_issue_it_works_once_too(signer: Application, iat: int | None) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        assertion = sign(signer, iat=iat, exp=int(timezone.now().timestamp()) + 360)
        assert revoke(signer, assertion).status_code == 200
        for seconds in (299, 60, 11, 49):
            clock.shift(seconds)
            oauth.jobs.delete_expired()
            assert revoke(signer, assertion).status_code == 401
        clock.shift(2)
        oauth.jobs.delete_expired()
        assert not UsedAssertion.objects.exists()
        assert revoke(signer, assertion).status_code == 401


def test_the_default_of_a_library_works(signer: Application) -> None:
    """Authlib signs for an hour, and names the token endpoint."""
    pem = to_jwk(EC_KEY, private=True, kid="ec")
    url = f"{settings.LOKET_URL}/oauth/token/"
    assertion = private_key_jwt_sign(pem, client_id=str(signer.client_id), token_endpoint=url, alg="ES256")
    assertion = assertion.decode() if isinstance(assertion, bytes) else assertion
    assert revoke(signer, assertion).status_code == 200


def test_a_key_excludes_a_secret_and_the_reverse(alice: User, signer: Application) -> None:
    program = make_application(alice)
    assert revoke(program, sign(program)).status_code == 401
    for headers in (basic(signer.client_id, ""), basic(signer.client_id, SECRET)):
        assert Client().post("/oauth/revoke/", {"token": "x"}, headers=headers).status_code == 401
        assert revoke(signer, sign(signer), headers=headers).status_code == 401
    for data in ({"client_id": signer.client_id}, {"client_id": signer.client_id, "client_secret": SECRET}):
        assert Client().post("/oauth/revoke/", {"token": "x"} | data).status_code == 401
    assert revoke(signer, sign(signer), client_secret="x").status_code == 401
    assert revoke(signer, sign(signer), client_assertion_type="urn:x").status_code == 401
    assert revoke(signer, sign(signer), client_assertion_type=None).status_code == 401
    for wrong in ("", "x", "a.b.c", "é", "x" * 100_000):
        assert revoke(signer, wrong, client_id=str(signer.client_id)).status_code == 401
    with pytest.raises(IntegrityError), transaction.atomic():
        Application.objects.filter(pk=signer.pk).update(client_secret="ab" * 32)
    with pytest.raises(IntegrityError), transaction.atomic():
        Application.objects.filter(pk=signer.pk).update(authentication="client_secret")


def test_two_keys_while_one_replaces_the_other(alice_client: Client, signer: Application) -> None:
    fresh = ec.generate_private_key(ec.SECP256R1())
    for keys, works in (([to_jwk(EC_KEY), to_jwk(fresh)], True), ([to_jwk(fresh)], False)):
        form = alice_client.get(f"{LIST}{signer.pk}/").context["form"]
        values = {name: form[name].value() or "" for name in form.fields} | {"public_keys": json.dumps({"keys": keys})}
        assert alice_client.post(f"{LIST}{signer.pk}/", values).status_code == 302
        assert revoke(signer, sign(signer, fresh, kid="")).status_code == 200
        assert (revoke(signer, sign(signer)).status_code == 200) == works
    change = Event.objects.filter(verb=Verb.CLIENT_CHANGED).latest("at").changes
    both = compute_thumbprints([to_jwk(EC_KEY), to_jwk(fresh)])
    assert change == {"public_keys": [both, both[1:]]}


@pytest.mark.parametrize(
    "text",
    ["x", "[]", "1", '{"keys": []}', '{"keys": [1]}', '{"keys": {}}', '{"kty": "oct", "k": "AAAA"}', "{}",
     '{"kty": "RSA", "n": "AQAB", "e": "AQAB"}', '{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}',
     '{"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}', '{"kty": 1}', "[" * 5000, '{"keys": [{"use": "enc"}]}'],
)  # fmt: skip
def test_what_is_no_public_key_is_refused(alice_client: Client, text: str) -> None:
    page = alice_client.post(f"{LIST}nieuw/", GOOD | {"authentication": "private_key_jwt", "public_keys": text})
    assert set(page.context["form"].errors) == {"public_keys"}


def test_a_private_key_is_not_kept(alice_client: Client) -> None:
    text = json.dumps(to_jwk(EC_KEY, private=True))
    page = alice_client.post(f"{LIST}nieuw/", GOOD | {"authentication": "private_key_jwt", "public_keys": text})
    assert "privésleutel" in str(page.context["form"].errors["public_keys"])
    assert not Application.objects.exists()


def test_keys_and_the_method_go_together(alice_client: Client) -> None:
    keys = json.dumps(to_jwk(EC_KEY, kid="a", use="sig"))
    for change in ({"authentication": "private_key_jwt"}, {"public_keys": keys}):
        assert set(alice_client.post(f"{LIST}nieuw/", GOOD | change).context["form"].errors) == {"public_keys"}
    values = GOOD | {"authentication": "private_key_jwt", "public_keys": keys}
    page = alice_client.get(alice_client.post(f"{LIST}nieuw/", values)["Location"])
    made = Application.objects.get()
    assert made.public_keys == parse_public_keys(keys) == [to_jwk(EC_KEY, kid="a")]
    assert "geheim/" not in page.text
    assert alice_client.post(f"{LIST}nieuw/", values).status_code == 302


def test_the_command_registers_keys(tmp_path: Path) -> None:
    file, out = tmp_path / "keys.json", StringIO()
    file.write_text(json.dumps({"keys": [to_jwk(EC_KEY)]}))
    call_command("add_partner", "Partner", BACK, "--keys", str(file), stdout=out)
    made = Application.objects.get(name="Partner")
    assert (made.authentication, made.public_keys) == ("private_key_jwt", [to_jwk(EC_KEY)])
    assert "Secret" not in out.getvalue()
    file.write_text("x")
    with pytest.raises(CommandError, match="JWK Set"):
        call_command("add_partner", "B", BACK, "--keys", str(file))
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("add_partner", "B", BACK, "--keys", str(tmp_path / "weg"))


def test_discovery_names_the_method(client: Client) -> None:
    found = client.get("/.well-known/openid-configuration").json()
    for endpoint in ("token", "revocation", "introspection"):
        assert "private_key_jwt" in found[f"{endpoint}_endpoint_auth_methods_supported"]
        algorithms = set(found[f"{endpoint}_endpoint_auth_signing_alg_values_supported"])
        assert algorithms == {"RS256", "ES256", "PS256"}
