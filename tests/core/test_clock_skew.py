"""A clock that ran an hour ahead and was corrected; two servers whose clocks differ by minutes."""

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.http import HttpRequest
from django.test import Client
from django.utils import timezone

import outbox.actions
from accounts.models import User
from authentication.mfa.passkeys import Ceremony
from authentication.models import PasswordResetToken
from authentication.rate_limits import NETWORK_LIMIT
from authentication.totp import TotpEnrollment
from core import throttle
from core.clock_skew import MAX_CLOCK_SKEW
from core.models import WorkerHeartbeat
from core.throttle import RateLimit, Throttled
from invitations.models import InvitationCode
from monitoring import health
from oauth.tokens import Caller, MissingEvidence
from outbox.models import Message
from outbox.worker import send_due_messages
from tests.authentication.test_session_expiry import next_of, resumed
from tests.authentication.test_sessions import is_signed_in, sign_in_from
from tests.core.test_throttle import tries
from tests.helpers.invited_users import invite
from tests.helpers.mfa import code_now, give_app, make_half_signed_in_client
from tests.helpers.servers import MailServer, SmsGateway
from tests.helpers.users import PASSWORD, signed_in
from tests.outbox.test_sending import queue_mail, queue_sms, state
from tests.users.test_user_detail import edited

pytestmark = pytest.mark.django_db
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
Clock = Any


@pytest.fixture
def clock() -> Iterator[Clock]:
    with time_machine.travel(timezone.now() + HOUR, tick=False) as travelled:
        yield travelled


@pytest.mark.parametrize("limit", [NETWORK_LIMIT, RateLimit("half a minute", burst=1, every=timedelta(seconds=30))])
def test_a_corrected_clock_keeps_no_user_out(clock: Clock, limit: RateLimit) -> None:
    assert tries(limit, most=100) == limit.burst
    assert throttle.get_exhausted_limits([(limit, "x")])
    clock.shift(-HOUR)
    assert throttle.get_exhausted_limits([(limit, "x")]) == {}
    assert tries(limit, most=100) == limit.burst
    with pytest.raises(Throttled) as raised:
        throttle.consume_attempt(limit, "x")
    assert raised.value.wait <= limit.every


def test_nor_by_limits_that_are_charged_together(clock: Clock) -> None:
    counts = {(RateLimit("two", burst=2, every=MINUTE), "x"): 2, (RateLimit("one", burst=3, every=MINUTE), "x"): 1}
    assert throttle.consume_attempts(counts) is None
    clock.shift(-HOUR)
    assert throttle.consume_attempts(counts) is None
    refused = throttle.consume_attempts(counts)
    assert refused is not None
    assert refused[1] <= 2 * MINUTE


def test_two_servers_keep_a_limit_together_while_their_clocks_differ(clock: Clock) -> None:
    """Alternating between a fast and a correct server allows no more attempts than the fast one alone."""
    limit = RateLimit("short", burst=3, every=timedelta(minutes=1))
    assert tries(limit) == 3
    for _turn in range(3):
        clock.shift(-4 * MINUTE)
        assert tries(limit) == 0
        clock.shift(4 * MINUTE)
        assert tries(limit) == 0


def test_a_session_lasts_no_longer_than_it_may(bob: User, clock: Clock) -> None:
    client = sign_in_from("bob")
    assert is_signed_in(client)
    clock.shift(-4 * MINUTE)
    assert is_signed_in(client), "another server"
    clock.shift(-HOUR + 4 * MINUTE)
    assert not is_signed_in(client)
    assert is_signed_in(sign_in_from("bob")), "nobody is kept out"


def test_a_proof_of_another_server_counts(alice: User) -> None:
    for seconds, path in ((240, 200), (3600, 302)):
        client = signed_in(alice, seconds_ago=-seconds)
        assert client.get("/profiel/wachtwoord/").status_code == path
    for minutes, lacks in ((4, []), (60, [MissingEvidence.RECENT])):
        caller = Caller(alice, None, frozenset(), timezone.now() + minutes * MINUTE, with_factor=True)
        assert caller.list_missing_proof() == lacks


def test_links_and_codes_work_no_longer_than_they_may(alice: User, bob: User, clock: Clock) -> None:
    invited = invite(alice)
    invited.post("send_code")
    code = InvitationCode.objects.get()
    reset = PasswordResetToken(user=bob, expires_at=timezone.now() + HOUR)
    assert code.is_usable()
    assert reset.is_open()
    clock.shift(-4 * MINUTE)
    assert code.is_usable()
    assert reset.is_open()
    clock.shift(-HOUR + 4 * MINUTE)
    assert not code.is_usable()
    assert not reset.is_open()


def test_a_new_code_can_be_sent(alice: User, clock: Clock) -> None:
    invited = invite(alice)
    for _number in range(3):
        invited.post("send_code")
    assert invited.invitation.get_code_quota().wait is not None
    clock.shift(-HOUR)
    assert invited.invitation.get_code_quota().wait is None


@pytest.mark.slow
@pytest.mark.parametrize("attempts", [0, 1])
def test_what_waits_goes_out_at_once(
    mail_server: MailServer, sms_gateway: SmsGateway, clock: Clock, attempts: int
) -> None:
    messages = [queue_mail(), queue_sms()]
    if attempts:
        mail_server.behaviour, sms_gateway.status = "defer", 500
        send_due_messages()
        mail_server.behaviour, sms_gateway.status = "accept", 200
        assert [state(message) for message in messages] == [("deferred", 1)] * 2
    clock.shift(-HOUR)
    assert send_due_messages() == 0
    outbox.actions.record_heartbeat(messages[0].pk)
    assert send_due_messages() == 2
    assert Message.objects.filter(state="sent").count() == 2


def test_a_pause_is_left_as_it_is(mail_server: MailServer) -> None:
    mail_server.behaviour = "defer"
    message = queue_mail()
    send_due_messages()
    Message.objects.update(attempts=5, due=timezone.now() + outbox.actions.RETRY_DELAYS[4] + MAX_CLOCK_SKEW - MINUTE)
    outbox.actions.record_heartbeat(message.pk)
    assert Message.objects.get().due > timezone.now() + HOUR


def test_a_worker_that_died_is_missed(clock: Clock, alice: User) -> None:
    gone, there = (invite(alice, email=f"{name}@devries.example").invitation.pk for name in "ab")
    outbox.actions.record_heartbeat(gone)
    clock.shift(-HOUR)
    outbox.actions.record_heartbeat(there)
    assert [row.pk for row in WorkerHeartbeat.objects.all()] == [there]
    clock.shift(health.WORKER_SILENT_AFTER + MINUTE)
    assert health.check_components()["worker"] != health.STATUS_OK


@pytest.mark.parametrize("ahead", [timedelta(seconds=2), 4 * MINUTE])
def test_signing_in_goes_on_at_a_server_with_a_slower_clock(bob: User, clock: Clock, ahead: timedelta) -> None:
    """What the first server begins, the second finishes: the second step, its passkey, a new app and a kept form."""
    secret = give_app(bob)
    half = make_half_signed_in_client(bob)
    begun = half.post("/inloggen/passkey/begin/")
    clock.shift(-ahead)
    assert half.get("/inloggen/code/").status_code == 200
    challenge = begun.json()["challenge"]
    answer = {"response": {"clientDataJSON": _encode({"challenge": challenge})}}
    assert Ceremony.pop_pending(_request_of(half), "show", bob, answer)
    assert half.post("/inloggen/code/", {"code": code_now(secret)}).status_code == 302
    clock.shift(ahead)
    offer = TotpEnrollment.generate().encrypt_for(bob)
    clock.shift(-ahead)
    assert TotpEnrollment.decrypt_for(offer, bob)


def test_a_form_is_kept_for_a_server_with_a_slower_clock(alice: User, bob: User, clock: Clock) -> None:
    client = sign_in_from("alice")
    client.post("/uitloggen/")
    target = next_of(client.post(f"/gebruikers/{bob.pk}/bewerken/", edited(bob, last_name="Nieuwenaam")))
    clock.shift(-4 * MINUTE)
    client.post("/inloggen/", {"username": "alice", "password": PASSWORD})
    assert resumed(client, target)["last_name"] == "Nieuwenaam"


def test_a_corrected_clock_takes_the_codes_of_an_app_again(bob: User, clock: Clock) -> None:
    secret = give_app(bob)
    assert make_half_signed_in_client(bob).post("/inloggen/code/", {"code": code_now(secret)}).status_code == 302
    clock.shift(-HOUR)
    code = code_now(secret)
    assert make_half_signed_in_client(bob).post("/inloggen/code/", {"code": code}).status_code == 302
    assert make_half_signed_in_client(bob).post("/inloggen/code/", {"code": code}).status_code == 200, "used"


def test_nor_does_the_slower_server_take_a_used_code(bob: User, clock: Clock) -> None:
    secret = give_app(bob)
    later = code_now(secret)
    clock.shift(-4 * MINUTE)
    code = code_now(secret)
    assert make_half_signed_in_client(bob).post("/inloggen/code/", {"code": code}).status_code == 302
    clock.shift(4 * MINUTE)
    assert make_half_signed_in_client(bob).post("/inloggen/code/", {"code": later}).status_code == 302
    clock.shift(-4 * MINUTE)
    assert make_half_signed_in_client(bob).post("/inloggen/code/", {"code": code}).status_code == 200


def _encode(data: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(data).encode()).decode()


def _request_of(client: Client) -> HttpRequest:
    request = HttpRequest()
    request.session = client.session
    return request
