"""Making, closing and reopening an office: by support and by command, and what closing means at every door."""

import threading
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

import notifications.delivery
import signin.actions
import signin.factors.reminders
from accounts import closing
from accounts.checkpoints import keep
from accounts.models import Provider, User
from audit.actors import Actor, Origin, Proof, operator
from audit.models import Event
from bulk import offices
from invitations.models import Invitation
from notifications.models import OfficeDay
from outbox import queue
from outbox.models import Message
from outbox.worker import send_due
from teams import rights
from teams.models import Team
from teams.rights import Right
from tests import factors
from tests.entra import OID, Forger, answer, leave, make_azure_user
from tests.entra import entra as entra
from tests.entra import tenant as tenant
from tests.invited import Invited, invite
from tests.kinds import make_service
from tests.people import PASSWORD, actor, letter, make_support, make_user
from tests.test_signin_reset import make as make_reset
from tests.test_webservice_credentials import basic
from tests.test_webservice_sso import ticket_for
from tests.webservice import bearing, token_of

pytestmark = pytest.mark.django_db
REASON = "Opgezegd per 1 december, zaak 4711"
NEW = {
    "office_name": "Kantoor Jansen", "initials": "A.", "prefix": "", "last_name": "Jansen",
    "email": "a.jansen@jansen.example", "mobile_number": "06 12345678", "reason": REASON,
}  # fmt: skip
GRANT = {"grant_type": "client_credentials"}
VERSION = {"Accept": "application/json;version=2018-01-01"}


def press(client: Client, what: str, office: Provider, **data: str) -> Any:
    return client.post(f"/admin/hulp/{what}/{office.pk}/", {"reason": REASON, "office_name": office.name} | data)


def close(office: Provider) -> None:
    assert closing.close(office, by=operator("test"))


# Making one.


def test_support_makes_an_office_as_the_command_does(doras: Client, dora: User) -> None:
    response = doras.post("/admin/hulp/kantoor-maken/", NEW)
    office, user = Provider.objects.get(), User.objects.get(is_support=False)
    assert response["Location"] == f"/admin/accounts/provider/{office.pk}/"
    assert (office.name, user.provider, user.invitation.state) == ("Kantoor Jansen", office, "open")
    team = Team.objects.get()
    assert (team.name, [row.right for row in team.rights.all()]) == ("Beheer", ["manage_provider"])
    assert rights.held_rights(user) == frozenset(Right)
    assert Message.objects.get(kind="invitation").recipient == "a.jansen@jansen.example"
    events = Event.objects.filter(provider_id=office.pk)
    assert {(event.origin, event.actor_id, event.reason) for event in events} == {("support", dora.pk, REASON)}
    assert {event.verb for event in events} >= {"provider_created", "team_created", "user_created", "invitation_sent"}


def test_it_never_touches_an_office_that_is_there(doras: Client, office: Provider, alice: User) -> None:
    before = (User.objects.count(), Team.objects.count(), Event.objects.count())
    response = doras.post("/admin/hulp/kantoor-maken/", NEW | {"office_name": office.name})
    assert response.status_code == 200
    assert response.context["form"].has_error("office_name", "taken")
    assert (User.objects.count(), Team.objects.count(), Event.objects.count()) == before


@pytest.mark.parametrize("field", sorted(NEW))
def test_it_asks_for_all_of_it(field: str, doras: Client) -> None:
    response = doras.post("/admin/hulp/kantoor-maken/", NEW | {field: ""})
    if field == "prefix":
        assert response.status_code == 302
    else:
        assert response.context["form"].has_error(field)
        assert not Provider.objects.exists()


def test_nobody_else_founds_an_office(alice: User, dora: User, office: Provider) -> None:
    details = {"initials": "A.", "prefix": "", "last_name": "Jansen", "email": "a@x.example"}
    without_factor = Actor(Origin.SUPPORT, dora.full_name, dora, reason=REASON, proof=Proof.FIVE_MINUTES)
    by_page, by_alice = actor(dora), Actor(Origin.SUPPORT, "x", alice, reason=REASON, proof=Proof.FIVE_MINUTES)
    for by in (without_factor, by_page, by_alice, actor(alice)):
        with pytest.raises(PermissionDenied):
            offices.set_up("Nieuw", administrator=details, mobile_number="+31612345678", by=by)  # type: ignore[arg-type]
    factors.give_app(dora)
    silent = Actor(Origin.SUPPORT, dora.full_name, dora, reason=" ", proof=Proof.FIVE_MINUTES)
    with pytest.raises(PermissionDenied):
        offices.set_up("Nieuw", administrator=details, mobile_number="+31612345678", by=silent)  # type: ignore[arg-type]
    assert Provider.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_double_click_makes_one(dora: User) -> None:
    client = factors.signed_in(dora, factors.give_app(dora))
    start = threading.Barrier(2)
    answers = []

    def run() -> None:
        start.wait()
        other = Client()
        other.cookies = client.cookies
        answers.append(other.post("/admin/hulp/kantoor-maken/", NEW).status_code)
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 302]
    assert (Provider.objects.count(), Message.objects.filter(kind="invitation").count()) == (1, 1)


# Closing and reopening one.


def test_support_closes_and_reopens_with_a_count_a_name_and_a_reason(
    doras: Client, dora: User, office: Provider, alice: User, bob: User
) -> None:
    invite(alice)
    token_of(alice)
    signed = Client()
    signed.post("/inloggen/", {"username": "alice", "password": PASSWORD})
    page = doras.get(f"/admin/hulp/kantoor-sluiten/{office.pk}/").content.decode()
    for line in ("3 gebruikers", "1 open sessie", "1 token", "1 openstaande uitnodiging", "1 bericht dat wacht"):
        assert line in page
    for wrong in ({"office_name": "Kantoor Smit"}, {"reason": " "}, {"office_name": ""}):
        assert press(doras, "kantoor-sluiten", office, **wrong).status_code == 200
    office.refresh_from_db()
    assert office.closed_at is None
    assert press(doras, "kantoor-sluiten", office)["Location"] == f"/admin/accounts/provider/{office.pk}/"
    office.refresh_from_db()
    assert office.closed_at is not None
    event = Event.objects.get(verb="provider_closed")
    assert (event.provider_id, event.actor_id, event.origin, event.reason) == (office.pk, dora.pk, "support", REASON)
    assert "kantoor-heropenen" in doras.get(f"/admin/accounts/provider/{office.pk}/").content.decode()
    told = Message.objects.get(kind="office_closed")
    assert told.recipient == alice.email
    assert REASON in letter(told)
    press(doras, "kantoor-sluiten", office)
    assert Event.objects.filter(verb="provider_closed").count() == 1
    press(doras, "kantoor-heropenen", office)
    office.refresh_from_db()
    assert office.closed_at is None
    assert Event.objects.get(verb="provider_reopened").reason == REASON
    assert REASON in letter(Message.objects.get(kind="office_reopened", recipient=alice.email))


def test_nobody_else_closes_or_reopens(office: Provider, alice: User, dora: User) -> None:
    for act in (closing.close, closing.reopen):
        for by in (
            actor(alice),
            actor(dora),
            Actor(Origin.SUPPORT, "x", alice, reason=REASON, proof=Proof.FIVE_MINUTES),
        ):
            with pytest.raises(PermissionDenied):
                act(office, by=by)


def test_two_who_close_at_once_leave_one_line_and_one_mail(office: Provider, alice: User) -> None:
    close(office)
    assert not closing.close(office, by=operator("test"))
    assert Event.objects.filter(verb="provider_closed").count() == 1
    assert Message.objects.filter(kind="office_closed").count() == 1


def test_the_command_does_the_same(office: Provider, alice: User) -> None:
    def run(*options: str, name: str = office.name) -> str:
        said = StringIO()
        call_command("close_provider", name, f"--reason={REASON}", *options, stdout=said)
        return said.getvalue()

    assert "is closed" in run()
    assert "was closed already" in run(name=str(office.pk))
    assert Event.objects.get(verb="provider_closed").reason == REASON
    assert "is open again" in run("--reopen")
    assert "was not closed" in run("--reopen")
    with pytest.raises(CommandError):
        run(name="Kantoor Niemand")
    with pytest.raises(CommandError):
        call_command("close_provider", office.name, "--reason= ")


# What it means: every door, shut and open again.


def log_in(username: str) -> Any:
    return Client().post("/inloggen/", {"username": username, "password": PASSWORD})


def test_the_login_page_is_shut(office: Provider, bob: User) -> None:
    close(office)
    response = log_in("bob")
    assert response.context["form"].has_error("__all__", "refused")
    assert Event.objects.get(verb="sign_in_refused").reason == "closed"
    closing.reopen(office, by=operator("test"))
    assert log_in("bob").status_code == 302


def test_sessions_end_for_good(office: Provider, bob: User) -> None:
    client = Client()
    client.post("/inloggen/", {"username": "bob", "password": PASSWORD})
    assert client.get("/").status_code == 200
    close(office)
    assert client.get("/")["Location"].startswith("/inloggen/")
    closing.reopen(office, by=operator("test"))
    assert client.get("/")["Location"].startswith("/inloggen/")


def test_who_is_half_in_comes_no_further(office: Provider, bob: User) -> None:
    secret = factors.give_app(bob)
    client = factors.half_in(bob)
    close(office)
    client.post("/inloggen/code/", {"code": factors.code_now(secret)})
    assert "_auth_user_id" not in client.session


def test_microsoft_is_shut(office: Provider, tenant: Any, entra: Forger, client: Client) -> None:
    user = make_azure_user(office, tenant, OID)
    close(user.provider)
    client.get(answer(entra, leave(client)))
    assert "_auth_user_id" not in client.session
    assert Event.objects.get(verb="sign_in_refused").reason == "closed"
    closing.reopen(user.provider, by=operator("test"))
    client.get(answer(entra, leave(client)))
    assert "_auth_user_id" in client.session


def test_tokens_end_and_none_are_given(office: Provider, alice: User) -> None:
    service = make_service(office)
    token = token_of(alice)
    own = token_of(service)
    assert Client().get("/v2/user", headers=bearing(own) | VERSION).status_code == 200
    close(office)
    for one in (token, own):
        assert Client().get("/v2/user", headers=bearing(one) | VERSION).status_code == 401
    headers = basic(str(service.username), PASSWORD)
    refused = Client().post("/oauth/token/", GRANT, headers=headers)
    service.refresh_from_db()
    User.objects.filter(pk=service.pk).update(blocked_at=service.created_at)
    blocked = Client().post("/oauth/token/", GRANT, headers=headers)
    User.objects.filter(pk=service.pk).update(blocked_at=None)
    assert (refused.status_code, refused.content) == (blocked.status_code, blocked.content)
    assert refused.status_code in (400, 401)
    closing.reopen(office, by=operator("test"))
    assert Client().get("/v2/user", headers=bearing(own) | VERSION).status_code == 401
    assert Client().post("/oauth/token/", GRANT, headers=headers).status_code == 200


def test_a_ticket_opens_nothing(office: Provider, bob: User) -> None:
    path = ticket_for(bob)
    close(office)
    client = Client()
    client.post(path)
    assert "_auth_user_id" not in client.session


def test_an_invitation_rests(office: Provider, alice: User) -> None:
    invited = invite(alice)
    close(office)
    assert "hierheen" not in invited.client.get("/uitnodiging/").content.decode()
    invited.post("send_code")
    assert not Message.objects.filter(channel="sms").exists()
    assert Invitation.objects.get().state == "open"
    closing.reopen(office, by=operator("test"))
    again = Invited(invited.invitation, invited.token, Client())
    again.client.get(f"/uitnodiging/{invited.token}/")
    again.prove()
    assert Event.objects.filter(verb="phone_proved").exists()


def test_a_code_that_was_sent_before_no_longer_helps(office: Provider, alice: User) -> None:
    invited = invite(alice)
    invited.prove()
    close(office)
    invited.post("account", username="nieuw", password="Regenboog-17", password_again="Regenboog-17")
    assert User.objects.get(pk=invited.invitation.user_id).accepted_at is None


def test_a_forgotten_password_stays_forgotten(office: Provider, bob: User, dora: User) -> None:
    reset, link = make_reset(bob)
    close(office)
    signin.actions.ask_reset(bob.email, address="127.0.0.1")
    signin.actions.ask_reset(dora.email, address="127.0.0.1")
    assert signin.actions.expand_reset_requests() == 2
    assert [message.user_id for message in Message.objects.filter(kind="password_link")] == [dora.pk]
    client = Client()
    client.get(link)
    client.post(
        "/wachtwoord-vergeten/nieuw/",
        {"reset": reset.pk, "password": "Regenboog-17", "password_again": "Regenboog-17"},
    )
    before = bob.password
    bob.refresh_from_db()
    assert bob.password == before


def test_nobody_of_it_can_do_anything_anywhere(office: Provider, alice: User) -> None:
    close(office)
    assert rights.effective_rights(alice) == frozenset()
    assert not rights.may(alice, Right.VIEW_USERS)
    assert rights.resting(alice) == "closed"
    with pytest.raises(PermissionDenied):
        offices.accounts.actions.change_provider(
            office, name="X", invitation_days=1, support_may_look=True, version=1, by=actor(alice)
        )


def test_messages_rest_and_go_out_after(office: Provider, alice: User, charlie: User, mail_server: Any) -> None:
    invite(alice)
    close(office)
    invite(charlie, email="p@smit.example")
    send_due()
    states = dict(Message.objects.values_list("recipient", "state").filter(kind="invitation"))
    assert states == {"p.deboer@devries.example": "queued", "p@smit.example": "sent"}
    assert Message.objects.get(kind="office_closed").state == "sent"
    assert queue.state().waiting == 0
    closing.reopen(office, by=operator("test"))
    send_due()
    assert not Message.objects.filter(state="queued").exists()


def test_signals_reminders_and_checkpoints_rest(office: Provider, alice: User) -> None:
    Provider.objects.filter(pk=office.pk).update(
        checkpoint_addresses="auditor@x.example", two_factor_from=timezone.localdate() + timedelta(days=5)
    )
    OfficeDay.objects.update_or_create(provider=office, defaults={"due_on": "2020-01-01"})
    close(office)
    assert notifications.delivery.run_day() == 0
    assert str(OfficeDay.objects.get().due_on) == "2020-01-01"
    assert signin.factors.reminders.send_due() == 0
    office.refresh_from_db()
    keep(office.pk)
    send_due()
    assert not Message.objects.filter(kind="checkpoint", state="sent").exists()
    closing.reopen(office, by=operator("test"))
    assert notifications.delivery.run_day() == 1


def test_another_office_notices_nothing(office: Provider, bob: User, charlie: User, charlies: Client) -> None:
    close(office)
    assert charlies.get("/gebruikers/").status_code == 200
    assert log_in("charlie").status_code == 302


def test_support_itself_is_of_no_office_and_comes_in(office: Provider, doras: Client) -> None:
    close(office)
    assert doras.get("/admin/").status_code == 200
    assert make_support("egbert").may_sign_in


def test_somebody_new_in_a_closed_office_is_kept_out_too(office: Provider, alice: User) -> None:
    close(office)
    make_user(office, username="later")
    assert log_in("later").context["form"].has_error("__all__", "refused")
