"""Resource servers: services that receive tokens for them (RFC 8707) and ask about them (RFC 7662)."""

from io import StringIO
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import Provider, User
from audit.actors import build_operator
from audit.models import Event, Verb
from oauth import applications, oidc
from oauth.models import AccessToken, Application
from tests.helpers.access_tokens import bearing, token_of
from tests.helpers.api_client import Program
from tests.helpers.consent import allow
from tests.helpers.login_methods import make_service
from tests.helpers.users import PASSWORD, signed_in
from tests.oauth.test_applications import GOOD, LIST
from tests.oauth.test_authorization_code import BACK, SECRET, make_application
from tests.oauth.test_authorize import URL, asked, told
from tests.oauth.test_client_credentials import basic
from tests.oauth.test_public_clients import make_public
from tests.oauth.test_secrets import CHALLENGE, VERIFIER, exchange, tokens

pytestmark = pytest.mark.django_db
PAYROLL = "https://loon.example/api"


def make_server(office: Provider | None, resource: str = PAYROLL, name: str = "Loon", **details: Any) -> Application:
    """Register a resource server with a secret."""
    by = build_operator("test")
    values = {"authentication": "client_secret", "redirect_uris": [], "scopes": [], "resource": resource, "name": name}
    made = make_public(office, **values | details)
    applications.set_client_secret(made, secret=SECRET, hours=0, version=made.version, by=by)
    made.refresh_from_db()
    return made


@pytest.fixture
def payroll(office: Provider) -> Application:
    return make_server(office)


@pytest.fixture
def program(alice: User) -> Application:
    return make_application(alice)


def ask_about(server: Application, token: str, secret: str = SECRET) -> dict[str, Any]:
    answer = Client().post("/oauth/introspect/", {"token": token}, headers=basic(str(server.client_id), secret))
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


def test_a_token_for_it_is_active(bob: User, payroll: Application, program: Application) -> None:
    found = tokens(signed_in(bob), program, resource=PAYROLL)
    described = ask_about(payroll, found["access_token"])
    assert described["active"]
    assert described["aud"] == [PAYROLL]
    assert described["client_id"] == str(program.client_id)
    assert described["sub"] == oidc.compute_subject(bob)
    assert "username" not in described
    AccessToken.objects.all().delete()
    assert ask_about(payroll, found["access_token"]) == {"active": False}


def test_all_other_tokens_are_inactive(bob: User, office: Provider, payroll: Application, program: Application) -> None:
    other = make_server(office, "https://ander.example", "Ander")
    for resource in ([], ["https://ander.example"], [f"{PAYROLL}/"], ["https://loon.example"]):
        token = token_of(bob, application=program, resource=resource)
        assert ask_about(payroll, token) == {"active": False}, resource
    assert ask_about(other, token_of(bob, application=program, resource=["https://ander.example", PAYROLL]))["active"]
    assert ask_about(payroll, "x") == {"active": False}
    for ended in ({"expires": timezone.now()}, {"session_version": 99}):
        token = token_of(bob, application=program, resource=[PAYROLL])
        assert ask_about(payroll, token)["active"]
        AccessToken.objects.filter(pk=AccessToken.objects.latest("created").pk).update(**ended)
        assert ask_about(payroll, token) == {"active": False}, ended


def test_a_blocked_user_has_no_active_token(bob: User, payroll: Application, program: Application) -> None:
    token = token_of(bob, application=program, resource=[PAYROLL])
    assert ask_about(payroll, token)["active"]
    User.objects.filter(pk=bob.pk).update(blocked_at=timezone.now())
    assert ask_about(payroll, token) == {"active": False}


def test_tokens_of_another_office_stay_unknown(
    bob: User, charlie: User, payroll: Application, program: Application
) -> None:
    """Even if the other office registered the same address."""
    theirs = make_server(charlie.provider)
    partner_program = make_public(None, BACK)
    token = token_of(bob, application=program, resource=[PAYROLL])
    assert ask_about(theirs, token) == {"active": False}
    assert ask_about(payroll, token)["active"]
    foreign = token_of(charlie, application=partner_program, resource=[PAYROLL])
    assert ask_about(payroll, foreign) == {"active": False}
    assert ask_about(theirs, foreign)["active"]


def test_one_of_a_partner_serves_every_office(bob: User, charlie: User) -> None:
    server, program = make_server(None), make_public(None, BACK)
    for user in (bob, charlie):
        assert ask_about(server, token_of(user, application=program, resource=[PAYROLL]))["active"]


def test_it_authenticates(bob: User, office: Provider, payroll: Application, program: Application) -> None:
    data = {"token": token_of(bob, application=program, resource=[PAYROLL])}
    for headers in ({}, basic(payroll.client_id, "wrong"), basic(payroll.client_id, "")):
        assert Client().post("/oauth/introspect/", data, headers=headers).status_code == 401
    with pytest.raises(ValidationError, match="openbare client"):
        make_public(office, BACK, name="Openbaar", resource="https://x.example")
    Application.objects.filter(pk=payroll.pk).update(switched_off_at=timezone.now())
    assert Client().post("/oauth/introspect/", data, headers=basic(payroll.client_id, SECRET)).status_code == 401


def test_a_token_for_it_opens_nothing_here(bob: User, program: Application, payroll: Application) -> None:
    for resource, is_accepted in (([], True), ([PAYROLL], False), ([PAYROLL, "http://localhost:8000"], None)):
        token = token_of(bob, "openid", "account:read", application=program, resource=resource)
        Application.objects.filter(pk=program.pk).update(scopes=["openid", "account:read"])
        statuses = {
            Client().get("/oauth/userinfo/", headers=bearing(token)).status_code,
            Program(bob, token).get("/users/integrations").status_code,
        }
        assert is_accepted is None or statuses == ({200} if is_accepted else {401})


def test_a_token_for_both_opens_both(bob: User, program: Application, payroll: Application, settings: Any) -> None:
    token = token_of(bob, "openid", application=program, resource=[PAYROLL, f"{settings.LOKET_URL}/v2"])
    assert Client().get("/oauth/userinfo/", headers=bearing(token)).status_code == 200
    assert ask_about(payroll, token)["active"]


@pytest.mark.slow
def test_refreshing_keeps_the_audience(bob: User, program: Application, payroll: Application, settings: Any) -> None:
    found = tokens(signed_in(bob), program, resource=PAYROLL)
    fresh = exchange(program, grant_type="refresh_token", refresh_token=found["refresh_token"]).json()
    assert ask_about(payroll, fresh["access_token"])["aud"] == [PAYROLL]
    more = {"grant_type": "refresh_token", "refresh_token": fresh["refresh_token"], "resource": settings.LOKET_URL}
    assert exchange(program, **more).json()["error"] == "invalid_target"
    again = exchange(program, grant_type="refresh_token", refresh_token=fresh["refresh_token"]).json()
    assert ask_about(payroll, again["access_token"])["aud"] == [PAYROLL]


def test_the_token_request_narrows_the_audience(
    bob: User, program: Application, payroll: Application, settings: Any
) -> None:
    question = asked(program, code_challenge=CHALLENGE, resource=[PAYROLL, settings.LOKET_URL])
    code = told(allow(signed_in(bob), f"{URL}?{urlencode(question, doseq=True)}"))["code"]
    data = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
    answer = exchange(program, **data, resource=PAYROLL).json()
    assert ask_about(payroll, answer["access_token"])["aud"] == [PAYROLL]


def test_a_repeated_refresh_brings_no_other_audience(
    bob: User, program: Application, payroll: Application, settings: Any
) -> None:
    question = asked(program, code_challenge=CHALLENGE, resource=[PAYROLL, settings.LOKET_URL])
    code = told(allow(signed_in(bob), f"{URL}?{urlencode(question, doseq=True)}"))["code"]
    data = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
    again = {"grant_type": "refresh_token", "refresh_token": exchange(program, **data).json()["refresh_token"]}
    first = exchange(program, **again, resource=PAYROLL).json()
    assert exchange(program, **again, resource=PAYROLL).json() == first
    assert exchange(program, **again, resource=settings.LOKET_URL).json()["error"] == "invalid_grant"
    assert exchange(program, **again).json()["error"] == "invalid_grant"


def test_the_token_request_does_not_widen_the_audience(
    bob: User, program: Application, payroll: Application, settings: Any
) -> None:
    question = asked(program, code_challenge=CHALLENGE, resource=PAYROLL)
    code = told(allow(signed_in(bob), f"{URL}?{urlencode(question)}"))["code"]
    data = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
    assert exchange(program, **data, resource=settings.LOKET_URL).json()["error"] == "invalid_target"
    assert not AccessToken.objects.exists()


def test_only_known_resources_are_named(
    bob: User, charlie: User, office: Provider, program: Application, payroll: Application
) -> None:
    make_server(charlie.provider, "https://ver.example", "Ver")
    partner = make_public(None, BACK)
    client = signed_in(bob)
    for who, resource in ((program, "https://ver.example"), (program, "https://x.example"), (partner, PAYROLL)):
        assert told(client.get(URL, asked(who, resource=resource)))["error"] == "invalid_target"
    assert client.get(URL, asked(program, resource=PAYROLL)).status_code == 200
    Application.objects.filter(pk=payroll.pk).update(switched_off_at=timezone.now())
    assert told(client.get(URL, asked(program, resource=PAYROLL)))["error"] == "invalid_target"


def test_a_service_user_gets_tokens_for_it(office: Provider, charlie: User, payroll: Application) -> None:
    service = make_service(office)
    make_server(charlie.provider, "https://ver.example", "Ver")
    data, headers = {"grant_type": "client_credentials"}, basic("dienst 1", PASSWORD)
    answer = Client().post("/oauth/token/", data | {"resource": PAYROLL}, headers=headers).json()
    assert ask_about(payroll, answer["access_token"])["sub"] == oidc.compute_subject(service)
    wrong = Client().post("/oauth/token/", data | {"resource": "https://ver.example"}, headers=headers)
    assert wrong.json()["error"] == "invalid_target"


def test_the_page_registers_a_resource_server(alice_client: Client) -> None:
    values = {"name": "Loon", "redirect_uris": "", "post_logout_redirect_uris": "", "scopes": ["openid"], "version": 0}
    assert set(alice_client.post(f"{LIST}nieuw/", values).context["form"].errors) == {"redirect_uris"}
    page = alice_client.get(alice_client.post(f"{LIST}nieuw/", values | {"resource": PAYROLL})["Location"])
    assert PAYROLL in page.text
    assert Event.objects.get(verb=Verb.CLIENT_ADDED).changes["resource"] == [None, PAYROLL]
    again = alice_client.post(f"{LIST}nieuw/", values | {"name": "Twee", "resource": PAYROLL})
    assert set(again.context["form"].errors) == {"resource"}
    made = Application.objects.get()
    for method in ("get", "post"):
        answer = getattr(alice_client, method)(URL, {"client_id": str(made.client_id), "response_type": "code"})
        assert answer.status_code == 400
    with pytest.raises(IntegrityError), transaction.atomic():
        Application.objects.create(provider=made.provider, name="Drie", resource=PAYROLL, scopes=[])


@pytest.mark.parametrize("address", ["http://x.example", "x", "https://x.example/#a", "https://u@x.example", "LOKET",
                                     "LOKET/v2", "urn:x:y"])  # fmt: skip
def test_such_an_address_is_no_resource_server(alice_client: Client, address: str, settings: Any) -> None:
    values = GOOD | {"resource": address.replace("LOKET", settings.LOKET_URL)}
    assert set(alice_client.post(f"{LIST}nieuw/", values).context["form"].errors) == {"resource"}


def test_the_address_of_a_partner_is_taken_for_every_office(alice_client: Client) -> None:
    call_command("add_partner", "Loonportaal", "--resource", PAYROLL, stdout=StringIO())
    assert Application.objects.get(provider=None, name="Loonportaal").resource == PAYROLL
    page = alice_client.post(f"{LIST}nieuw/", GOOD | {"resource": PAYROLL})
    assert set(page.context["form"].errors) == {"resource"}
