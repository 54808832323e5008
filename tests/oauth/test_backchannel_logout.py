"""Back-channel logout: real receivers on loopback are told that sessions ended, whatever ended them."""

import time
from collections.abc import Callable
from datetime import timedelta
from http.cookies import SimpleCookie
from io import StringIO
from threading import Event as ThreadEvent
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
import time_machine
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client, RequestFactory
from django.utils import timezone
from werkzeug import Response

import authentication.actions
import authentication.mfa.actions
import oauth.applications
import oauth.backchannel_logout
import oauth.jobs
import oauth.office_decisions
import users.actions
import users.change_login_method
import users.suspension
from accounts.models import User
from audit.actors import build_operator
from audit.models import Event, Verb
from authentication import sessions
from authentication.models import UserSession
from core.public_addresses import is_public_ip
from history import erasure
from oauth import oidc
from oauth.models import Application, ClientSession, Consent
from oauth.office_access import get_office_access
from outbox.actions import RETRY_DELAYS
from outbox.models import Message
from outbox.worker import send_due_messages
from permissions.models import Team, TeamMember
from tests.helpers.consent import allow, read_target
from tests.helpers.login_methods import make_azure
from tests.helpers.logout_receiver import Receiver, read_logout_token
from tests.helpers.mfa import give_app
from tests.helpers.servers import QuickServer
from tests.helpers.users import actor, change_user, make_user, signed_in
from tests.oauth.test_applications import GOOD, LIST
from tests.oauth.test_authorization_code import BACK, make_application
from tests.oauth.test_authorize import asked
from tests.oauth.test_conformance import verify
from tests.oauth.test_secrets import CHALLENGE, VERIFIER, exchange, tokens
from tests.oauth.test_sso_tickets import ticket_for
from tests.outbox.test_worker import running, wait_until
from tests.permissions.test_escalation import together

pytestmark = pytest.mark.django_db


def make_portal(owner: User, receiver: Receiver, name: str = "Portaal") -> Application:
    made = make_application(owner, name=name)
    Application.objects.filter(pk=made.pk).update(backchannel_logout_uri=receiver.url)
    made.refresh_from_db()
    return made


@pytest.fixture
def portal(alice: User, receiver: Receiver) -> Application:
    return make_portal(alice, receiver)


def sign_on(user: User, portal: Application, client: Client | None = None) -> tuple[Client, dict[str, Any]]:
    """Return a browser of `user` and the claims with which it signed in at the portal."""
    client = client or signed_in(user)
    return client, verify(tokens(client, portal), portal)


@pytest.mark.slow
def test_sid_is_one_per_session_and_client(alice: User, bob: User, portal: Application) -> None:
    client, first = sign_on(bob, portal)
    other = make_application(alice, name="Ander portaal")
    assert sign_on(bob, portal, client)[1]["sid"] == first["sid"], "a second sign-in of the same session"
    found = {first["sid"], sign_on(bob, other, client)[1]["sid"], sign_on(bob, portal)[1]["sid"]}
    assert len(found) == 3
    session = UserSession.objects.filter(user=bob).first()
    assert session is not None
    assert not found & {str(session.pk), str(session.session_id), str(client.session.session_key)}


def test_sid_stays_when_tokens_are_refreshed(bob: User, portal: Application) -> None:
    found = tokens(signed_in(bob), portal)
    again = exchange(portal, grant_type="refresh_token", refresh_token=found["refresh_token"]).json()
    assert verify(found, portal)["sid"] == verify(again, portal)["sid"]


def test_without_openid_there_is_no_session_to_end(bob: User, portal: Application) -> None:
    client = signed_in(bob)
    tokens(client, portal, scope="profile")
    assert not ClientSession.objects.exists()


def log_out(bob: User, alice: User, client: Client) -> None:
    client.post("/uitloggen/")


def end_session_on_page(bob: User, alice: User, client: Client) -> None:
    session = UserSession.objects.get(user=bob)
    other = signed_in(bob)
    assert other.post(f"/profiel/sessies/{session.pk}/beeindigen/").status_code == 302


def end_other_sessions(bob: User, alice: User, client: Client) -> None:
    signed_in(bob).post("/profiel/sessies/overige-beeindigen/")


def end_by_administrator(bob: User, alice: User, client: Client) -> None:
    signed_in(alice).post(f"/gebruikers/{bob.pk}/sessies/beeindigen/")


def end_one_by_administrator(bob: User, alice: User, client: Client) -> None:
    session = UserSession.objects.get(user=bob)
    signed_in(alice).post(f"/gebruikers/{bob.pk}/sessies/{session.pk}/beeindigen/")


def sign_in_as_another_by_ticket(bob: User, alice: User, client: Client) -> None:
    client.post(ticket_for(alice))


def sign_in_as_another(bob: User, alice: User, client: Client) -> None:
    """As Microsoft does for a tab that began before the user of the other tab signed in."""
    request = RequestFactory().get("/")
    request.session, request.user = client.session, bob
    request.session.load()
    sessions.start_session(request, alice)


def block(bob: User, alice: User, client: Client) -> None:
    users.actions.block_user(bob, by=actor(alice))


def erase(bob: User, alice: User, client: Client) -> None:
    change_user(bob, access_until=timezone.localdate() - timedelta(days=800))
    bob.refresh_from_db()
    erasure.erase_user(bob, by=actor(alice))


def set_end_date(bob: User, alice: User, client: Client) -> None:
    details = {"access_until": timezone.localdate() - timedelta(days=1)}
    users.actions.edit_users([bob], details=details, by=actor(alice))


def pass_end_date(bob: User, alice: User, client: Client) -> None:
    change_user(bob, access_until=timezone.localdate() - timedelta(days=1))
    oauth.jobs.end_expired_access()


def change_password(bob: User, alice: User, client: Client) -> None:
    authentication.actions.change_password(bob, password="Zonnebloem-43-anders", by=actor(bob))


def reset_factors(bob: User, alice: User, client: Client) -> None:
    give_app(bob)
    authentication.mfa.actions.reset_mfa(bob, reason="kwijt", by=actor(alice))


def remove_factor(bob: User, alice: User, client: Client) -> None:
    give_app(bob)
    device = bob.authenticator_apps.get()
    authentication.mfa.actions.remove_device(bob, device.pk, by=actor(bob))


def change_login_method(bob: User, alice: User, client: Client) -> None:
    azure = make_azure(alice.provider, username="azure-gebruiker")
    users.change_login_method.change_to_azure(
        bob, tenant=azure.external_tenant, external_user_id=alice.pk, username=None, by=actor(alice)
    )


def suspend(bob: User, alice: User, client: Client) -> None:
    users.suspension.suspend_office(alice.provider, by=build_operator("test"))


def revoke_consent(bob: User, alice: User, client: Client) -> None:
    consent = Consent.objects.get(user=bob)
    assert client.post(f"/profiel/koppelingen/{consent.pk}/beeindigen/").status_code == 302


def turn_off(bob: User, alice: User, client: Client) -> None:
    oauth.applications.set_application_enabled(Application.objects.get(), enabled=False, by=actor(alice))


def delete(bob: User, alice: User, client: Client) -> None:
    oauth.applications.delete_application(Application.objects.get(), by=actor(alice))


def let_it_prove_itself_otherwise(bob: User, alice: User, client: Client) -> None:
    portal = Application.objects.get()
    details = {"name": portal.name, "redirect_uris": [BACK], "post_logout_redirect_uris": [], "scopes": portal.scopes}
    oauth.applications.update_application(
        portal, details=details | {"authentication": "none"}, version=portal.version, by=actor(alice)
    )


def assign_to_another_team(bob: User, alice: User, client: Client) -> None:
    team = Team.objects.create(provider=alice.provider, name="Loon Noord")
    oauth.office_decisions.assign_to_teams(
        Application.objects.get(), provider=alice.provider, teams=[team], version=1, by=actor(alice)
    )


DOORS = [
    log_out, end_session_on_page, end_other_sessions, end_by_administrator, end_one_by_administrator,
    sign_in_as_another, sign_in_as_another_by_ticket, block, erase, set_end_date, pass_end_date, change_password,
    reset_factors, remove_factor, change_login_method, suspend, revoke_consent, turn_off, delete,
    let_it_prove_itself_otherwise, assign_to_another_team,
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("door", DOORS)
def test_every_end_of_a_session_is_told(
    door: Callable[[User, User, Client], None], bob: User, alice: User, portal: Application, receiver: Receiver
) -> None:
    client, claims = sign_on(bob, portal)
    subject = oidc.compute_subject(bob)
    door(bob, alice, client)
    send_due_messages()
    (token,) = receiver.tokens
    told = read_logout_token(token, portal)
    assert (told["sub"], told["sid"]) == (subject, claims["sid"])
    message = Message.objects.get(channel=Message.Channel.HTTP)
    assert (message.state, message.recipient) == (Message.State.SENT, "127.0.0.1")
    event = Event.objects.get(verb=Verb.CLIENTS_LOGGED_OUT)
    if door is not erase:
        assert (event.target_id, event.changes) == (bob.pk, {"integrations": ["Portaal", None]})
    assert not ClientSession.objects.exists()


def test_every_change_of_the_session_version_is_told() -> None:
    """A new way to end sessions uses `end_sessions`, or tells it itself."""
    paths = [path for path in settings.BASE_DIR.glob("[a-z]*/**/*.py") if path.parts[-2] not in ("migrations",)]
    writers = [
        path
        for path in paths
        if "tests" not in path.parts and ".venv" not in path.parts
        and any(text in path.read_text() for text in ("session_version +=", 'F("session_version") + 1'))
    ]  # fmt: skip
    assert {str(path.relative_to(settings.BASE_DIR)) for path in writers} == {
        "accounts/sessions.py", "users/actions.py", "users/suspension.py",
    }  # fmt: skip
    assert all("sessions_ended.send(" in path.read_text() for path in writers)


@pytest.mark.slow
def test_other_sessions_and_other_users_stay(bob: User, alice: User, portal: Application, receiver: Receiver) -> None:
    client, claims = sign_on(bob, portal)
    _second, stays = sign_on(bob, portal)
    _third, of_alice = sign_on(alice, portal)
    client.post("/uitloggen/")
    send_due_messages()
    assert [read_logout_token(token, portal)["sid"] for token in receiver.tokens] == [claims["sid"]]
    assert {str(row.pk) for row in ClientSession.objects.all()} == {stays["sid"], of_alice["sid"]}


def test_members_of_the_team_of_an_integration_stay(
    bob: User, alice: User, portal: Application, receiver: Receiver
) -> None:
    team = Team.objects.create(provider=alice.provider, name="Loon Noord")
    TeamMember.objects.create(provider=alice.provider, team=team, user=bob)
    _client, stays = sign_on(bob, portal)
    _client, ends = sign_on(alice, portal)
    for teams in ([team], None):
        version = get_office_access(portal, alice.office).version
        oauth.office_decisions.assign_to_teams(
            portal, provider=alice.office, teams=teams, version=version, by=actor(alice)
        )
    send_due_messages()
    assert [read_logout_token(token, portal)["sid"] for token in receiver.tokens] == [ends["sid"]]
    assert [str(row.pk) for row in ClientSession.objects.all()] == [stays["sid"]]


def test_a_partner_that_is_turned_off_is_told_of_every_office(
    bob: User, charlie: User, portal: Application, receiver: Receiver
) -> None:
    Application.objects.update(provider=None)
    portal.refresh_from_db()
    ended = {sign_on(user, portal)[1]["sid"] for user in (bob, charlie)}
    oauth.applications.set_application_enabled(portal, enabled=False, by=build_operator("test"))
    send_due_messages()
    assert {read_logout_token(token, portal)["sid"] for token in receiver.tokens} == ended
    offices = Event.objects.filter(verb=Verb.CLIENTS_LOGGED_OUT).values_list("provider_id", flat=True)
    assert set(offices) == {bob.provider_id, charlie.provider_id}


def test_a_session_that_expired_can_still_be_ended(
    bob: User, alice: User, portal: Application, receiver: Receiver
) -> None:
    """A user goes on in the portal long after the session here expired."""
    sign_on(bob, portal)
    with time_machine.travel(timezone.now() + timedelta(days=2)):
        call_command("clearsessions")
        oauth.jobs.delete_expired()
        users.actions.block_user(bob, by=actor(alice))
        send_due_messages()
        assert len(receiver.tokens) == 1


def test_only_integrations_that_ask_are_told(bob: User, alice: User, receiver: Receiver) -> None:
    make_portal(alice, receiver, name="Zonder gebruik")
    client, _claims = sign_on(bob, make_application(alice))
    client.post("/uitloggen/")
    assert send_due_messages() == 0
    assert not Event.objects.filter(verb=Verb.CLIENTS_LOGGED_OUT).exists()
    assert not ClientSession.objects.exists()


@pytest.mark.slow
def test_blocking_many_tells_all_in_one_go(
    bob: User, alice: User, portal: Application, receiver: Receiver, django_assert_max_num_queries: Any
) -> None:
    for user in (bob, alice):
        for _session in range(3):
            sign_on(user, portal)
    ended = ClientSession.objects.all()
    with django_assert_max_num_queries(8), transaction.atomic():
        oauth.backchannel_logout.end_client_sessions(ended, by=build_operator("test"))
    send_due_messages()
    assert len({read_logout_token(token, portal)["sid"] for token in receiver.tokens}) == 6
    assert Event.objects.filter(verb=Verb.CLIENTS_LOGGED_OUT).count() == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "state"),
    [
        (200, Message.State.SENT), (204, Message.State.SENT), (400, Message.State.FAILED),
        (302, Message.State.DEFERRED), (401, Message.State.DEFERRED), (404, Message.State.DEFERRED),
        (500, Message.State.DEFERRED), (503, Message.State.DEFERRED),
    ],
)  # fmt: skip
def test_the_answer_decides_what_follows(
    bob: User, portal: Application, receiver: Receiver, status: int, state: Message.State
) -> None:
    client, claims = sign_on(bob, portal)
    client.post("/uitloggen/")
    receiver.status = status
    send_due_messages()
    message = Message.objects.get(channel=Message.Channel.HTTP)
    assert (message.state, message.attempts, len(receiver.tokens)) == (state, 1, 1)
    assert message.error == ("" if state == Message.State.SENT else f"the integration answered {status}")
    receiver.status = 200
    with time_machine.travel(timezone.now() + RETRY_DELAYS[0] + timedelta(seconds=1)):
        send_due_messages()
        assert len(receiver.tokens) == (2 if state == Message.State.DEFERRED else 1)
        if state == Message.State.DEFERRED:
            first, second = (jwt.decode(token, options={"verify_signature": False}) for token in receiver.tokens)
            told = read_logout_token(receiver.tokens[1], portal)
            assert told["sid"] == claims["sid"], "signed anew, so that it is still valid"
            assert first["jti"] != second["jti"]


def test_page_shows_whether_the_last_message_arrived(
    bob: User, alice_client: Client, portal: Application, receiver: Receiver
) -> None:
    address = f"{LIST}{portal.pk}/"
    assert "Laatste bericht over uitloggen" in alice_client.get(address).text
    receiver.status = 500
    sign_on(bob, portal)[0].post("/uitloggen/")
    send_due_messages()
    page = alice_client.get(address).text
    assert "the integration answered 500" in page
    assert "wordt opnieuw geprobeerd" in page


def test_a_receiver_that_is_away_is_tried_again(bob: User, portal: Application, receiver: Receiver) -> None:
    Application.objects.update(backchannel_logout_uri="http://127.0.0.1:1/uit")
    client, _claims = sign_on(bob, portal)
    client.post("/uitloggen/")
    send_due_messages()
    message = Message.objects.get(channel=Message.Channel.HTTP)
    assert (message.state, message.error) == (Message.State.DEFERRED, "ConnectionError")


def test_nothing_is_told_of_a_change_that_did_not_happen(
    bob: User, alice: User, portal: Application, receiver: Receiver
) -> None:
    sign_on(bob, portal)
    with transaction.atomic():
        users.actions.block_user(bob, by=actor(alice))
        transaction.set_rollback(True)
    assert send_due_messages() == 0
    assert ClientSession.objects.count() == 1


def get_code(client: Client, portal: Application) -> str:
    agreed = allow(client, f"/oauth/authorize/?{urlencode(asked(portal, code_challenge=CHALLENGE))}")
    return parse_qs(urlsplit(read_target(agreed)).query).get("code", [""])[0]


def redeem(code: str, portal: Application) -> Any:
    data = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
    return exchange(portal, **data)


def test_a_code_of_an_ended_session_brings_no_tokens(bob: User, alice: User, portal: Application) -> None:
    client = signed_in(bob)
    tokens(client, portal)
    code = get_code(client, portal)
    client.post("/uitloggen/")
    answer = redeem(code, portal)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_a_session_that_ends_while_it_asks_for_a_code_brings_no_tokens(bob: User, portal: Application) -> None:
    client = signed_in(bob)
    tokens(client, portal)
    with patch.object(sessions, "get_current_session_id", return_value=bob.pk):  # of no row: it was just deleted
        code = get_code(client, portal)
    assert redeem(code, portal).json()["error"] == "invalid_grant"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_block_at_the_moment_of_signing_in_is_told(alice: User, portal: Application) -> None:
    """Either the portal gets no tokens, or it is told."""
    for number in range(6):
        user = make_user(alice.provider, username=f"tegelijk-{number}")
        client = signed_in(user)
        tokens(client, portal)
        code = get_code(client, portal)
        answer, blocked = together(
            lambda code=code: redeem(code, portal), lambda user=user: users.actions.block_user(user, by=actor(alice))
        )
        assert blocked is True
        assert answer.status_code in (200, 400), answer
        assert not ClientSession.objects.filter(user=user).exists()
    assert Message.objects.filter(channel=Message.Channel.HTTP).count() == 6


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_logging_out_while_a_code_is_asked_leaves_no_session(bob: User, portal: Application) -> None:
    for _time in range(6):
        client, other = signed_in(bob), Client()
        tokens(client, portal)
        other.cookies = SimpleCookie(client.cookies)
        code, _page = together(
            lambda client=client: get_code(client, portal), lambda other=other: other.post("/uitloggen/")
        )
        assert not isinstance(code, Exception), code
        assert not code or redeem(code, portal).json()["error"] == "invalid_grant"
        assert not ClientSession.objects.exists()


def test_refreshing_goes_on_after_logging_out(bob: User, portal: Application) -> None:
    client = signed_in(bob)
    found = tokens(client, portal)
    client.post("/uitloggen/")
    again = exchange(portal, grant_type="refresh_token", refresh_token=found["refresh_token"])
    assert again.status_code == 200


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_blocked_user_is_out_of_the_portal_within_two_seconds(
    bob: User, alice: User, portal: Application, receiver: Receiver
) -> None:
    _client, claims = sign_on(bob, portal)
    with running():
        time.sleep(0.6)  # the worker waits for work
        start = time.monotonic()
        users.actions.block_user(bob, by=actor(alice))
        assert receiver.arrived.wait(10)
        assert time.monotonic() - start < 2
        wait_until(lambda: Message.objects.get(channel=Message.Channel.HTTP).state == Message.State.SENT)
    assert read_logout_token(receiver.tokens[0], portal)["sid"] == claims["sid"]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_receiver_that_hangs_does_not_hold_up_mail_or_other_portals(
    bob: User, alice: User, portal: Application, receiver: Receiver
) -> None:
    silent = make_portal(alice, receiver, name="Zwijgend")
    release = ThreadEvent()
    with QuickServer("127.0.0.1", threaded=True) as server:
        server.expect_request("/uit").respond_with_handler(
            lambda _request: Response(status=200 if release.wait(20) else 500)
        )
        Application.objects.filter(pk=silent.pk).update(backchannel_logout_uri=server.url_for("/uit"))
        client = signed_in(bob)
        sign_on(bob, silent, client)
        sign_on(bob, portal, client)
        with running():
            client.post("/uitloggen/")
            assert receiver.arrived.wait(4)
            release.set()


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True), ("2606:2800:21f:cb07::1", True), ("10.0.0.8", False), ("192.168.1.1", False),
        ("172.16.3.4", False), ("169.254.169.254", False), ("100.64.0.1", False), ("0.0.0.0", False),  # noqa: S104
        ("224.0.0.1", False), ("fd00::1", False), ("fe80::1%eth0", False), ("::ffff:10.0.0.8", False),
        ("::ffff:127.0.0.1", False), ("127.0.0.1", False), ("::1", False), ("::", False),
        ("64:ff9b::a00:5", False), ("64:ff9b:1::a00:5", False), ("2002:a00:5::1", False), ("::10.0.0.5", False),
        ("::ffff:0:10.0.0.5", False), ("fec0::1", False), ("192.0.0.192", False), ("192.0.0.9", False),
        ("168.63.129.16", False), ("::ffff:168.63.129.16", False), ("192.88.99.1", False), ("2001:0:a00:5::1", False),
        ("2001:db8::1", False), ("3fff::1", False), ("4000::1", False), ("ff0e::1", False), ("2a02:a440::1", True),
        ("168.63.129.17", True), ("::ffff:93.184.215.14", True), ("2001:4860:4860::8888", True),
    ],
)  # fmt: skip
def test_private_networks_are_not_reached(settings: Any, address: str, public: bool) -> None:
    settings.LOKET_URL = "https://loket.example"
    assert is_public_ip(address) == public


def test_a_name_that_leads_inside_is_not_told(
    bob: User, portal: Application, receiver: Receiver, settings: Any
) -> None:
    client, _claims = sign_on(bob, portal)
    client.post("/uitloggen/")
    settings.LOKET_URL = "https://loket.example"
    send_due_messages()
    message = Message.objects.get(channel=Message.Channel.HTTP)
    assert (message.state, message.error) == (Message.State.FAILED, "the address is not public")
    assert not receiver.tokens


def test_page_stores_the_address(alice_client: Client, alice: User) -> None:
    address = {"backchannel_logout_uri": "https://portaal.example/uit", "backchannel_logout_session_required": "on"}
    alice_client.post(f"{LIST}nieuw/", GOOD | address)
    made = Application.objects.get()
    assert made.backchannel_logout_uri == "https://portaal.example/uit"
    assert made.backchannel_logout_session_required
    page = alice_client.get(f"{LIST}{made.pk}/")
    assert "https://portaal.example/uit" in page.text
    alice_client.post(f"{LIST}{made.pk}/", GOOD | {"version": made.version})
    made.refresh_from_db()
    assert (made.backchannel_logout_uri, made.backchannel_logout_session_required) == ("", False)
    event = Event.objects.filter(verb=Verb.CLIENT_CHANGED).get()
    assert event.changes["backchannel_logout_uri"] == ["https://portaal.example/uit", None]


@pytest.mark.parametrize(
    "address",
    [
        "http://portaal.example/uit", "ftp://portaal.example/", "https://10.0.0.8/uit", "https://[fd00::1]/uit",
        "https://169.254.169.254/latest", "https://x@portaal.example/", "https://portaal.example/#x", "uit",
        "http://127.0.0.1:8000/uit", "http://localhost/uit", f"https://portaal.example/{'x' * 250}",
    ],
)  # fmt: skip
def test_page_refuses_addresses_that_cannot_work(alice_client: Client, settings: Any, address: str) -> None:
    settings.LOKET_URL = "https://loket.example"
    page = alice_client.post(f"{LIST}nieuw/", GOOD | {"backchannel_logout_uri": address})
    assert set(page.context["form"].errors) == {"backchannel_logout_uri"}


def test_command_stores_the_address() -> None:
    out = StringIO()
    values = ["--backchannel-logout", "https://portaal.example/uit", "--backchannel-logout-session-required"]
    call_command("add_partner", "Salarispartner", BACK, *values, stdout=out)
    made = Application.objects.get(provider=None)
    assert (made.backchannel_logout_uri, made.backchannel_logout_session_required) == (values[1], True)
    with pytest.raises(CommandError, match="https://"):
        call_command("add_partner", "Ander", BACK, "--backchannel-logout", "http://portaal.example/", stdout=out)


def test_a_partner_is_told_with_its_own_algorithm(bob: User, alice: User, receiver: Receiver) -> None:
    portal = make_portal(alice, receiver)
    Application.objects.filter(pk=portal.pk).update(algorithm="ES256")
    portal.refresh_from_db()
    client = signed_in(bob)
    tokens(client, portal)
    client.post("/uitloggen/")
    send_due_messages()
    assert read_logout_token(receiver.tokens[0], portal)["sub"] == oidc.compute_subject(bob)
