"""Microsoft sign-in: Azure users only, matched by tenant and object ID; forged responses are refused."""

import re
from datetime import timedelta
from threading import BoundedSemaphore
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

import users.actions
from accounts.models import ExternalTenant, Provider, User
from audit.actors import build_operator
from audit.models import Event, Verb
from authentication.microsoft import oidc
from authentication.microsoft.errors import ErrorPage, MicrosoftSignInError
from authentication.views import microsoft
from core.throttle import RateLimit
from demo.fake_entra import FakeResponse
from tests.helpers import audit_events
from tests.helpers.entra import (
    BACK,
    OID,
    TID,
    Forger,
    build_callback_url,
    copy_flow_cookies,
    get_flow_cookies,
    make_azure_user,
    make_tenant,
    start_sign_in,
    visit,
)
from tests.helpers.entra import dora as dora
from tests.helpers.entra import entra as entra
from tests.helpers.entra import tenant as tenant

pytestmark = pytest.mark.django_db
URL = "/inloggen/microsoft/"
OTHER_TID = UUID("11111111-2222-4333-8444-555555555555")


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def refused(client: Client, response: Any, page: ErrorPage, reason: str) -> Event:
    """Check that the sign-in was refused with a message and recorded in one event; return the event."""
    assert response.status_code == 302
    assert not is_signed_in(client)
    event = Event.objects.get(verb=Verb.SIGN_IN_REFUSED)
    assert event.reason == reason
    assert event.correlation_id == response["X-Request-ID"]
    told = client.get(response["Location"])
    assert told.status_code == page.status
    assert told.context["page"] == page
    assert event.correlation_id in told.text
    assert "code=" not in told.text
    return event


def test_the_login_page_offers_it_only_where_it_is_configured(client: Client, db: None, settings: Any) -> None:
    assert URL not in client.get("/inloggen/").text
    settings.LOKET_ENTRA_CLIENT_ID = "id"
    assert URL not in client.get("/inloggen/").text
    assert client.get(URL).status_code == 404
    assert client.get(BACK).status_code == 404
    settings.LOKET_ENTRA_CLIENT_SECRET = "secret"
    assert f'href="{URL}?next=%2Fprofiel%2F"' in client.get("/inloggen/", {"next": "/profiel/"}).text


def test_microsoft_itself_is_called_with_our_own_settings_only(settings: Any) -> None:
    settings.LOKET_ENTRA_CLIENT_ID, settings.LOKET_ENTRA_CLIENT_SECRET = "id", "secret"
    session: Any = oidc._create_http_client()
    assert session.trust_env is False
    assert session.verify is True
    assert session.request.__wrapped__.keywords == {"timeout": 10}
    assert oidc._get_credentials() == ("id", "secret")
    assert oidc._get_authority() == "https://login.microsoftonline.com/organizations"


def test_microsoft_sign_in_signs_in(client: Client, entra: Forger, dora: User) -> None:
    client.cookies["sessionid"] = "a" * 32  # chosen by an attacker
    response = visit(client, entra)
    assert (response.status_code, response["Location"]) == (302, "/")
    assert client.session["_auth_user_id"] == str(dora.pk)
    assert client.cookies["sessionid"].value != "a" * 32
    dora.refresh_from_db()
    assert dora.last_login is not None
    event = Event.objects.get()
    assert (event.verb, event.actor_id, event.provider_id) == (Verb.SIGNED_IN, dora.pk, dora.provider_id)
    assert client.get("/profiel/").status_code == 200
    assert client.get(URL, {"next": "/profiel/"})["Location"] == "/profiel/"


def test_microsoft_sign_in_asks_as_it_should(client: Client, entra: Forger) -> None:
    asked = start_sign_in(client)
    assert asked["response_type"] == "code"
    assert asked["response_mode"] == "query"
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == f"http://localhost:8000{BACK}"
    assert asked["prompt"] == "select_account"
    assert set(asked["scope"].split()) == {"openid", "profile"}
    again = start_sign_in(client)
    for name in ("state", "nonce", "code_challenge"):
        assert len(asked[name]) >= 22
        assert asked[name] != again[name]


def test_the_flow_is_in_an_encrypted_cookie_that_is_deleted(client: Client, entra: Forger, dora: User) -> None:
    asked = start_sign_in(client)
    ((name, cookie),) = get_flow_cookies(client).items()
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert (cookie["max-age"], cookie["secure"]) == (600, "")
    assert len(cookie.value) < 3000
    assert asked["state"] not in name + cookie.value
    client.get(build_callback_url(entra, asked))
    gone = client.cookies[name]
    assert (gone.value, gone["max-age"], gone["path"]) == ("", 0, "/")


def test_the_cookie_is_secure_where_the_site_is(client: Client, entra: Forger, settings: Any) -> None:
    settings.SESSION_COOKIE_SECURE = True
    start_sign_in(client)
    assert all(cookie["secure"] for cookie in get_flow_cookies(client).values())


@pytest.mark.parametrize(("wanted", "target"), [("/profiel/", "/profiel/"), ("//evil.example/", "/"), ("\x00", "/")])
def test_microsoft_sign_in_goes_on_to_pages_of_ours_only(
    client: Client, entra: Forger, dora: User, wanted: str, target: str
) -> None:
    assert visit(client, entra, start=f"{URL}?{urlencode({'next': wanted})}")["Location"] == target


@pytest.mark.slow
def test_everybody_who_may_not_come_in_sees_the_same_page(
    entra: Forger, dora: User, office: Provider, tenant: ExternalTenant, charlie: User
) -> None:
    other = make_tenant(charlie.provider, OTHER_TID)
    unproved = make_tenant(office, uuid4(), proved=False, name="Onbevestigd")
    oids = [uuid4() for _number in range(6)]
    make_azure_user(office, tenant, oids[0], username="blocked", blocked_at=timezone.now())
    make_azure_user(
        office, tenant, oids[1], username="ended", access_until=timezone.localdate() - timedelta(days=1)
    )  # fmt: skip
    make_azure_user(office, unproved, oids[2], username="unproved")
    wanted = [
        (TID, oids[0], "blocked"),
        (TID, oids[1], "ended"),
        (unproved.tenant_id, oids[2], "tenant"),
        (TID, oids[3], "unknown"),
        (other.tenant_id, OID, "unknown"),  # dora's object, in another tenant
        (uuid4(), OID, "tenant"),
    ]
    texts = set()
    for tid, oid, reason in wanted:
        audit_events.truncate_history()
        client = Client()
        response = visit(client, entra, tid, oid)
        event = refused(client, response, ErrorPage.ASK_OFFICE, reason)
        assert (event.provider_id is None) == (reason == "unknown" or tid not in (TID, unproved.tenant_id))
        text = client.get(response["Location"]).text.replace(event.correlation_id, "")
        texts.add(re.sub(r'csrfmiddlewaretoken" value="\w+"|mislukt/[\w:-]+', "", text))
    assert len(texts) == 1


def test_blocking_ends_the_session(client: Client, entra: Forger, dora: User, alice: User) -> None:
    visit(client, entra)
    users.actions.block_user(dora, by=build_operator("test"))
    assert client.get("/profiel/")["Location"].startswith("/inloggen/")


def test_two_offices_share_a_tenant_and_each_has_its_own_people(entra: Forger, dora: User, charlie: User) -> None:
    theirs = make_azure_user(charlie.provider, make_tenant(charlie.provider, TID), uuid4(), username="theirs")
    client = Client()
    visit(client, entra, TID, theirs.external_user_id)
    assert client.session["_auth_user_id"] == str(theirs.pk)


def test_a_removed_tenant_is_rejected(client: Client, entra: Forger, dora: User) -> None:
    asked = start_sign_in(client)
    tenant = dora.external_tenant
    dora.delete()
    tenant.delete()
    refused(client, client.get(build_callback_url(entra, asked)), ErrorPage.ASK_OFFICE, "tenant")


def test_stopping_at_microsoft_is_no_fault(client: Client, entra: Forger, dora: User) -> None:
    asked = start_sign_in(client)
    address = entra.parse_request(asked).build_cancel_url().removeprefix("http://localhost:8000")
    refused(client, client.get(address), ErrorPage.CANCELLED, "cancelled")


@pytest.mark.parametrize(
    ("error", "page", "reason"),
    [
        ("server_error", ErrorPage.UNREACHABLE, "error_at_microsoft"),
        ("<b>\x00😀", ErrorPage.UNREACHABLE, "error_at_microsoft"),
        ("unauthorized_client", ErrorPage.OUR_SECRET, "client"),
        ("", ErrorPage.UNREACHABLE, "error_at_microsoft"),
    ],
)
def test_what_microsoft_says_instead_of_a_code(
    client: Client, entra: Forger, error: str, page: ErrorPage, reason: str
) -> None:
    state = start_sign_in(client)["state"]
    response = client.get(BACK, {"state": state, "error": error, "error_description": "<script>"})
    refused(client, response, page, reason)


def test_microsoft_out_of_reach_before_leaving(client: Client, entra: Forger) -> None:
    entra.out_of_reach = True
    refused(client, client.get(URL), ErrorPage.UNREACHABLE, "unreachable")


def test_microsoft_out_of_reach_when_the_code_is_exchanged(client: Client, entra: Forger, dora: User) -> None:
    address = build_callback_url(entra, start_sign_in(client))
    entra.out_of_reach = True
    refused(client, client.get(address), ErrorPage.UNREACHABLE, "unreachable")


def test_no_more_wait_for_microsoft_than_there_are_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oidc, "_CALL_SLOTS", BoundedSemaphore(1))
    monkeypatch.setattr(oidc, "_SLOT_TIMEOUT_SECONDS", 0.01)
    ask = oidc._limit_concurrency(lambda again: again())  # it keeps its slot
    with pytest.raises(TimeoutError, match="earlier"):
        ask(lambda: ask(int))
    assert ask(int) == 0, "the place is free again"


def test_keys_out_of_reach(client: Client, entra: Forger, dora: User) -> None:
    entra.published = [{"kty": "RSA", "kid": entra.kid, "n": "!", "e": 5}]
    refused(client, visit(client, entra), ErrorPage.UNREACHABLE, "unreachable")


@pytest.mark.parametrize(
    ("status", "content", "page", "reason"),
    [
        (401, {"error": "invalid_client", "error_codes": [7000222]}, ErrorPage.OUR_SECRET, "client_secret"),
        (400, {"error": "invalid_grant", "error_codes": [70008]}, ErrorPage.START_AGAIN, "code"),
        (400, {"error": "something_new"}, ErrorPage.UNREACHABLE, "error_at_microsoft"),
        (503, {}, ErrorPage.UNREACHABLE, "unreachable"),
        (200, {"access_token": "x"}, ErrorPage.NOT_TRUSTED, "no_token"),
        (200, {"access_token": "x", "id_token": 5}, ErrorPage.NOT_TRUSTED, "nonce_or_malformed"),
        (200, {"access_token": "x", "id_token": "a.b"}, ErrorPage.NOT_TRUSTED, "nonce_or_malformed"),
        (200, ["x"], ErrorPage.NOT_TRUSTED, "nonce_or_malformed"),
    ],
)
def test_what_microsoft_says_instead_of_a_token(
    client: Client, entra: Forger, dora: User, status: int, content: Any, page: ErrorPage, reason: str
) -> None:
    entra.answer = FakeResponse(status, content)
    refused(client, visit(client, entra), page, reason)


def test_a_journey_works_once(entra: Forger, dora: User) -> None:
    client = Client()
    asked = start_sign_in(client)
    thief = Client()
    copy_flow_cookies(client, thief)
    address = build_callback_url(entra, asked)
    client.get(address)
    assert is_signed_in(client)
    refused(thief, thief.get(address), ErrorPage.START_AGAIN, "replayed")


def test_a_code_works_once(entra: Forger, dora: User) -> None:
    """A second sign-in in the same browser, with a used code."""
    client = Client()
    asked = start_sign_in(client)
    used = entra.build_code_url(entra.parse_request(asked), tid=TID, oid=OID)
    client.get(used.removeprefix("http://localhost:8000"))
    client.post("/uitloggen/")
    audit_events.truncate_history()
    code = used.partition("code=")[2].partition("&")[0]
    refused(
        client, client.get(f"{BACK}?code={code}&state={start_sign_in(client)['state']}"), ErrorPage.START_AGAIN, "code"
    )


def test_a_code_of_another_journey_fails_on_its_verifier(entra: Forger, dora: User) -> None:
    victim, attacker = Client(), Client()
    code = build_callback_url(entra, start_sign_in(attacker)).partition("code=")[2].partition("&")[0]
    address = f"{BACK}?code={code}&state={start_sign_in(victim)['state']}"
    refused(victim, victim.get(address), ErrorPage.START_AGAIN, "code")


@pytest.mark.parametrize("kept", ["", "x", "x:y:z", "\x00"])
def test_an_answer_to_another_browser_is_refused(entra: Forger, dora: User, kept: str) -> None:
    mine, other = Client(), Client()
    address = build_callback_url(entra, start_sign_in(mine))
    if kept:
        other.cookies[next(iter(get_flow_cookies(mine)))] = kept
    refused(other, other.get(address), ErrorPage.START_AGAIN, "no_journey")
    mine.get(address)
    assert is_signed_in(mine)


def test_an_answer_with_another_state_is_refused(client: Client, entra: Forger, dora: User) -> None:
    other = start_sign_in(Client())
    start_sign_in(client)
    refused(client, client.get(build_callback_url(entra, other)), ErrorPage.START_AGAIN, "no_journey")
    mine, _state, cookie = oidc.start_flow(oidc.FlowContext(oidc.FlowPurpose.SIGN_IN, "/"))
    with pytest.raises(MicrosoftSignInError) as caught:
        oidc.finish_flow(cookie, {"state": other["state"], "code": "x"})
    assert (mine.startswith("http"), caught.value.reason) == (True, "state")


@pytest.mark.parametrize("query", ["", "?state=", "?code=x", "?state=%00&code=%00", "?state=" + "é" * 2000])
def test_a_bare_answer_is_refused(client: Client, entra: Forger, query: str) -> None:
    start_sign_in(client)
    refused(client, client.get(BACK + query), ErrorPage.START_AGAIN, "no_journey")
    assert get_flow_cookies(client), "the flow that this browser did start goes on"


def test_a_journey_takes_ten_minutes_at_most(client: Client, entra: Forger, dora: User) -> None:
    with time_machine.travel("2026-03-01T12:00Z", tick=False) as clock:
        address = build_callback_url(entra, start_sign_in(client))
        clock.shift(601)
        refused(client, client.get(address), ErrorPage.START_AGAIN, "no_journey")


def test_microsoft_sign_in_is_throttled_by_network_address(
    client: Client, entra: Forger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        microsoft, "MICROSOFT_LIMIT", RateLimit("microsoft network", burst=3, every=timedelta(minutes=1))
    )
    start_sign_in(client)
    for _try in range(2):
        client.get(BACK)
    assert client.get(BACK).status_code == 429
    assert client.get(URL).status_code == 429
    assert Client(REMOTE_ADDR="192.0.2.1").get(URL).status_code == 302
    assert Event.objects.count() == 2


def test_both_tabs_sign_in(client: Client, entra: Forger, dora: User) -> None:
    first = start_sign_in(client, f"{URL}?next=/profiel/")
    second = start_sign_in(client, f"{URL}?next=/profiel/sessies/")
    assert client.get(build_callback_url(entra, first))["Location"] == "/profiel/"
    token = client.cookies["csrftoken"].value if "csrftoken" in client.cookies else ""
    key = client.cookies["sessionid"].value
    assert client.get(build_callback_url(entra, second))["Location"] == "/profiel/sessies/"
    assert client.cookies["sessionid"].value == key, "one session"
    assert (client.cookies["csrftoken"].value if token else "") == token, "forms of the first tab stay valid"
    assert Event.objects.count() == 1
    assert not get_flow_cookies(client)


def test_a_failure_in_a_tab_leaves_the_other_tab_alone(client: Client, entra: Forger, dora: User) -> None:
    first, second = start_sign_in(client), start_sign_in(client, f"{URL}?next=/profiel/")
    cancel = entra.parse_request(first).build_cancel_url().removeprefix("http://localhost:8000")
    refused(client, client.get(cancel), ErrorPage.CANCELLED, "cancelled")
    assert client.get(BACK, {"state": "unknown", "code": "x"}).status_code == 302
    assert client.get(build_callback_url(entra, second))["Location"] == "/profiel/"
    assert is_signed_in(client)


def test_another_account_in_a_second_tab_replaces_the_first(
    client: Client, entra: Forger, dora: User, office: Provider, tenant: ExternalTenant
) -> None:
    other = make_azure_user(office, tenant, uuid4(), username="other@devries.example")
    first, second = start_sign_in(client), start_sign_in(client)
    client.get(build_callback_url(entra, first))
    client.get(build_callback_url(entra, second, oid=other.external_user_id))
    assert client.session["_auth_user_id"] == str(other.pk)


def test_many_tabs_do_not_fill_the_request(client: Client, entra: Forger, dora: User) -> None:
    with time_machine.travel("2026-03-01T12:00Z", tick=False) as clock:
        for _tab in range(12):
            clock.shift(1)
            last = start_sign_in(client, f"{URL}?{urlencode({'next': '/profiel/?' + 'x' * 300})}")
        kept = get_flow_cookies(client)
        assert 3 <= len(kept) < 12
        assert sum(len(name) + len(cookie.value) for name, cookie in kept.items()) < 6000
        assert client.get(build_callback_url(entra, last))["Location"].startswith("/profiel/")


def test_long_addresses_do_not_fill_the_request(client: Client, entra: Forger, dora: User) -> None:
    with time_machine.travel("2026-03-01T12:00Z", tick=False) as clock:
        for length in (1700, 1980, 1300, 1980):
            clock.shift(1)
            start_sign_in(client, f"{URL}?{urlencode({'next': '/profiel/?' + 'x' * length})}")
            kept = get_flow_cookies(client)
            assert sum(len(name) + len(cookie.value) for name, cookie in kept.items()) <= 5000, "a foreign page can"


@pytest.mark.parametrize("method", ["post", "put"])
def test_only_get_goes_there_and_back(client: Client, entra: Forger, method: str) -> None:
    assert getattr(client, method)(URL).status_code == 405
    assert getattr(client, method)(BACK).status_code == 405
    assert not Event.objects.exists()


def test_head_finishes_no_flow(client: Client, entra: Forger, dora: User) -> None:
    address = build_callback_url(entra, start_sign_in(client))
    assert (client.head(address).status_code, is_signed_in(client)) == (200, False)
    assert client.head(URL)["Location"].startswith("http")
    assert not Event.objects.exists()
    client.get(address)
    assert is_signed_in(client)


@pytest.mark.parametrize("told", ["x", "x:y:z", "😀", "%00"])
def test_an_unknown_error_code_is_not_found(client: Client, db: None, told: str) -> None:
    assert client.get(f"{URL}mislukt/{told}/").status_code == 404


@pytest.mark.parametrize(
    ("error", "description", "page", "reason"),
    [
        ("access_denied", "AADSTS50105: the user is not assigned to a role", ErrorPage.REFUSED_THERE, 50105),
        ("access_denied", "AADSTS53003: Access has been blocked by Conditional Access", ErrorPage.REFUSED_THERE, 53003),
        (
            "consent_required",
            "AADSTS65001: The user or administrator has not consented",
            ErrorPage.REFUSED_THERE,
            65001,
        ),
        ("interaction_required", "AADSTS90094: admin consent", ErrorPage.REFUSED_THERE, 90094),
        ("access_denied", "", ErrorPage.CANCELLED, None),
    ],
)
def test_a_refusal_by_the_organization_is_not_called_canceled(
    client: Client,
    entra: Forger,
    caplog: pytest.LogCaptureFixture,
    error: str,
    description: str,
    page: ErrorPage,
    reason: int | None,
) -> None:
    state = start_sign_in(client)["state"]
    with caplog.at_level("WARNING"):
        response = client.get(BACK, {"state": state, "error": error, "error_description": description})
    refused(client, response, page, "cancelled" if page is ErrorPage.CANCELLED else "refused_at_microsoft")
    lines: list[dict[str, object]] = [record.msg for record in caplog.records if record.name == "loket.signin"]
    (told,) = [line for line in lines if line["event"] == "microsoft_error"]
    assert (told["error"], told["aadsts"]) == (error, [reason] if reason else [])


def test_trying_again_after_a_failure_leads_to_the_same_page(client: Client, entra: Forger, dora: User) -> None:
    asked = start_sign_in(client, f"{URL}?next=/profiel/sessies/")
    cancel = entra.parse_request(asked).build_cancel_url().removeprefix("http://localhost:8000")
    page = client.get(client.get(cancel)["Location"])
    for path in (URL, "/inloggen/"):
        assert f'href="{path}?next=%2Fprofiel%2Fsessies%2F"' in page.text
    again = start_sign_in(client, f"{URL}?next=%2Fprofiel%2Fsessies%2F")
    assert client.get(build_callback_url(entra, again))["Location"] == "/profiel/sessies/"
