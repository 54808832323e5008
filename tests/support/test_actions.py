"""Support actions: same effect as the office's own page, and an event in the office's history."""

import threading
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from pytest_django import Settings

import authentication.mfa.actions
import invitations.actions
from accounts.models import ExternalTenant, Provider, User
from audit.actors import Actor, EventOrigin
from audit.models import Event
from authentication import sessions
from authentication.models import AuthenticatorApp
from core.access import ReauthenticationLevel
from invitations.models import Invitation
from outbox.models import Message
from tests.helpers import mfa as factors
from tests.helpers.invited_users import NUMBER, invite, token_of
from tests.helpers.users import PASSWORD, actor, letter, make_support

pytestmark = pytest.mark.django_db
REASON = "Gebeld door mevrouw Bakker, telefoon kwijt"
LAPSE = 5 * 60 + 1  # seconds: what was confirmed is no longer recent


def press(client: Client, what: str, row: Any, **data: str) -> Any:
    return client.post(f"/admin/hulp/{what}/{row.pk}/", {"reason": REASON, **data})


def line(provider: Provider, verb: str, dora: User) -> Event:
    """Return the only event of this verb, after checking that the history attributes it to support, with the reason."""
    event = Event.objects.get(verb=verb, origin=EventOrigin.SUPPORT)
    assert event.provider_id == provider.pk
    assert (event.actor_id, event.actor_name) == (dora.pk, "D. Dekker")
    assert event.reason == REASON
    assert event.address == "127.0.0.1"
    return event


def test_support_resets_two_factor(dora_client: Client, dora: User, bob: User, office: Provider) -> None:
    factors.give_app(bob)
    colleague = Client()
    colleague.force_login(bob)
    response = press(dora_client, "twee-factor-resetten", bob)
    assert response["Location"] == f"/admin/accounts/user/{bob.pk}/"
    bob.refresh_from_db()
    assert bob.second_factor_at is None
    assert not AuthenticatorApp.objects.filter(user=bob).exists()
    assert colleague.get("/")["Location"].startswith("/inloggen/")
    assert line(office, "factors_reset", dora).changes == {"device": ["Telefoon", None]}
    assert "heeft support van Loket" in letter(Message.objects.get(kind="factors_reset", user_id=bob.pk))
    assert AuthenticatorApp.objects.filter(user=dora).exists()


def test_support_ends_sessions(
    dora_client: Client, dora: User, bob: User, bob_client: Client, office: Provider
) -> None:
    assert bob_client.get("/").status_code == 200
    press(dora_client, "sessies-beeindigen", bob)
    assert bob_client.get("/")["Location"].startswith("/inloggen/")
    assert line(office, "sessions_ended", dora).target_id == bob.pk


def test_support_blocks_and_unblocks(
    dora_client: Client, dora: User, alice: User, bob: User, bob_client: Client, office: Provider
) -> None:
    press(dora_client, "blokkeren", bob)
    bob.refresh_from_db()
    assert bob.blocked_at is not None
    assert bob_client.get("/")["Location"].startswith("/inloggen/")
    assert line(office, "user_blocked", dora).target_name == "B. Bakker"
    page = dora_client.get(f"/admin/accounts/user/{bob.pk}/").content.decode()
    assert "/deblokkeren/" in page
    assert "/blokkeren/" not in page
    press(dora_client, "deblokkeren", bob)
    bob.refresh_from_db()
    assert bob.blocked_at is None
    assert line(office, "user_unblocked", dora).target_id == bob.pk


def test_last_administrator_is_not_blocked(dora_client: Client, alice: User) -> None:
    response = press(dora_client, "blokkeren", alice)
    assert "Dan is er niemand meer die dit kantoor kan beheren" in response.content.decode()
    alice.refresh_from_db()
    assert alice.blocked_at is None
    assert not Event.objects.filter(verb="user_blocked").exists()


def test_support_resends_an_invitation(dora_client: Client, dora: User, alice: User, office: Provider) -> None:
    invited = invite(alice)
    old = invited.token
    assert "mobiel" in dora_client.get(f"/admin/hulp/opnieuw-versturen/{invited.invitation.user.pk}/").content.decode()
    assert (
        press(dora_client, "opnieuw-versturen", invited.invitation.user, mobile_number="06 12345678").status_code == 302
    )
    assert token_of(invited.invitation) != old
    assert line(office, "invitation_sent", dora).target_id == invited.invitation.user.pk
    again = press(dora_client, "opnieuw-versturen", invited.invitation.user, mobile_number="020 1234567")
    assert again.status_code == 200
    assert Event.objects.filter(origin=EventOrigin.SUPPORT).count() == 1


def test_invitation_goes_to_the_address_of_the_office_only(dora_client: Client, alice: User) -> None:
    invited = invite(alice)
    press(dora_client, "opnieuw-versturen", invited.invitation.user, mobile_number=NUMBER, email="boef@evil.example")
    invited.invitation.refresh_from_db()
    assert invited.invitation.email == "p.deboer@devries.example"
    assert not Message.objects.filter(recipient__contains="evil").exists()


def test_support_revokes_an_invitation(dora_client: Client, dora: User, alice: User, office: Provider) -> None:
    invited = invite(alice)
    press(dora_client, "intrekken", invited.invitation.user)
    invited.invitation.refresh_from_db()
    assert invited.invitation.state == Invitation.State.REVOKED
    assert invited.invitation.encrypted_phone is None
    line(office, "invitation_revoked", dora)
    assert "niet meer" in press(dora_client, "intrekken", invited.invitation.user).content.decode()
    assert "niet meer" in press(dora_client, "intrekken", alice).content.decode()


def test_support_confirms_a_tenant(dora_client: Client, dora: User, office: Provider) -> None:
    tenant = ExternalTenant.objects.create(provider=office, name="De Vries", tenant_id=UUID(int=7))
    assert press(dora_client, "tenant-bevestigen", tenant)["Location"] == f"/admin/accounts/externaltenant/{tenant.pk}/"
    tenant.refresh_from_db()
    assert tenant.confirmation_method == "support"
    line(office, "tenant_proved", dora)


@pytest.mark.parametrize("reason", ["", "   ", "\x00", "x" * 501, "\u202eabc"])
def test_action_without_a_reason_is_refused(reason: str, dora_client: Client, bob: User) -> None:
    response = press(dora_client, "blokkeren", bob, reason=reason)
    assert response.status_code == 200
    assert "id_reason_error" in response.content.decode()
    bob.refresh_from_db()
    assert bob.blocked_at is None


def test_a_second_press_does_nothing(dora_client: Client, alice: User, bob: User) -> None:
    for _press in range(2):
        assert press(dora_client, "blokkeren", bob).status_code == 302
    assert "was al zo" in dora_client.get("/admin/").content.decode()
    assert Event.objects.filter(verb="user_blocked").count() == 1


def test_asking_changes_nothing(dora_client: Client, bob: User, alice: User) -> None:
    before = Event.objects.count()
    for what in ("twee-factor-resetten", "sessies-beeindigen", "blokkeren", "deblokkeren", "intrekken"):
        assert dora_client.get(f"/admin/hulp/{what}/{bob.pk}/", {"reason": REASON}).status_code == 200
    assert Event.objects.count() == before
    for url in (f"/admin/hulp/wissen/{bob.pk}/", f"/admin/hulp/tenant-bevestigen/{bob.pk}/"):
        assert dora_client.post(url, {"reason": REASON}).status_code == 404


def test_action_requires_a_recent_second_factor(dora: User, bob: User) -> None:
    client = factors.signed_in(dora, factors.give_app(dora))
    session = client.session
    session["confirmed_at"] = int(time.time()) - LAPSE
    session.save()
    question = urlsplit(press(client, "blokkeren", bob)["Location"])
    assert question.path == "/bevestigen/"
    onward = urlsplit(parse_qs(question.query)["next"][0])
    assert onward.path == "/bevestigen/verder/"
    assert parse_qs(onward.query)["next"] == [f"/admin/hulp/blokkeren/{bob.pk}/"]
    bob.refresh_from_db()
    assert bob.blocked_at is None


def test_a_recovery_code_opens_the_admin_but_presses_no_button(dora: User, bob: User) -> None:
    client = Client()
    client.force_login(dora)
    factors.give_app(dora)
    authentication.mfa.actions.generate_recovery_codes(dora, by=actor(dora))
    session = client.session
    session["otp_device_id"], session["confirmed_at"] = dora.recovery_codes.get().persistent_id, int(time.time())
    session.save()
    assert client.get("/admin/").status_code == 200
    assert press(client, "blokkeren", bob)["Location"].startswith("/bevestigen/")


def test_in_the_demo_the_password_will_do(settings: Settings, alice: User, bob: User) -> None:
    settings.LOKET_DEMO = True
    egbert, client = make_support("egbert", two_factor_required=False), Client()
    client.force_login(egbert)
    assert press(client, "blokkeren", bob)["Location"].startswith("/bevestigen/")
    assert client.post("/bevestigen/", {"current_password": PASSWORD}).status_code == 302
    assert press(client, "blokkeren", bob)["Location"] == f"/admin/accounts/user/{bob.pk}/"
    bob.refresh_from_db()
    assert bob.blocked_at is not None


@pytest.mark.django_db(transaction=True)
def test_two_of_support_at_once_leave_one_line(alice: User, bob: User) -> None:
    clients = []
    for name in ("een", "twee"):
        user = make_support(name)
        clients.append(factors.signed_in(user, factors.give_app(user)))
    start = threading.Barrier(2)

    def run(client: Client) -> None:
        start.wait()
        press(client, "blokkeren", bob)
        connection.close()

    threads = [threading.Thread(target=run, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Event.objects.filter(verb="user_blocked", target_id=bob.pk).count() == 1


def test_an_action_of_a_removed_support_user_is_refused(dora_client: Client, dora: User, bob: User) -> None:
    by = Actor(EventOrigin.SUPPORT, dora.full_name, dora, reason=REASON, proof=ReauthenticationLevel.FIVE_MINUTES)
    User.objects.filter(pk=dora.pk).update(blocked_at=dora.created_at)
    assert press(dora_client, "blokkeren", bob)["Location"].startswith("/inloggen/")
    with pytest.raises(PermissionDenied):
        sessions.end_all_sessions(bob, by=by)


def test_the_reason_stands_with_each_event_of_one_help(dora: User, alice: User) -> None:
    invited = invite(alice)
    factors.give_app(dora)
    by = Actor(EventOrigin.SUPPORT, dora.full_name, dora, reason=REASON, proof=ReauthenticationLevel.FIVE_MINUTES)
    invitations.actions.resend_invitation(
        invited.invitation.user, mobile_number=NUMBER, email=invited.invitation.user.email, by=by
    )
    assert {event.reason for event in Event.objects.filter(origin=EventOrigin.SUPPORT)} == {REASON}
