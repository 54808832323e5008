"""Creating, suspending and reactivating an office: by support and by command, and the effect of suspension."""

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

import authentication.actions
import authentication.mfa.reminders
import notifications.delivery
from accounts.models import Provider, User
from audit.actors import Actor, EventOrigin, build_operator
from audit.models import Event
from core.access import ReauthenticationLevel
from history.checkpoint_emails import sign_due_checkpoint
from invitations.models import Invitation
from notifications.models import DailyRun
from outbox import stats
from outbox.models import Message
from outbox.worker import send_due_messages
from permissions import checks
from permissions.checks import Right
from permissions.models import Team
from tests.authentication.test_reset_password import make as make_reset
from tests.helpers import mfa as factors
from tests.helpers.access_tokens import bearing, token_of
from tests.helpers.entra import OID, Forger, build_callback_url, make_azure_user, start_sign_in
from tests.helpers.entra import entra as entra
from tests.helpers.entra import tenant as tenant
from tests.helpers.invited_users import Invited, invite
from tests.helpers.login_methods import make_service
from tests.helpers.users import PASSWORD, actor, letter, make_support, make_user
from tests.oauth.test_client_credentials import basic
from tests.oauth.test_sso_tickets import ticket_for
from users import office_setup, suspension

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
    assert suspension.suspend_office(office, by=build_operator("test"))


# Making one.


def test_support_makes_an_office_as_the_command_does(dora_client: Client, dora: User) -> None:
    response = dora_client.post("/admin/hulp/kantoor-maken/", NEW)
    office, user = Provider.objects.get(), User.objects.get(is_support=False)
    assert response["Location"] == f"/admin/accounts/provider/{office.pk}/"
    assert (office.name, user.provider, user.invitation.state) == ("Kantoor Jansen", office, "open")
    team = Team.objects.get()
    assert (team.name, [row.right for row in team.rights.all()]) == ("Beheer", ["manage_provider"])
    assert checks.held_rights(user) == frozenset(Right)
    assert Message.objects.get(kind="invitation").recipient == "a.jansen@jansen.example"
    events = Event.objects.filter(provider_id=office.pk)
    assert {(event.origin, event.actor_id, event.reason) for event in events} == {("support", dora.pk, REASON)}
    assert {event.verb for event in events} >= {"provider_created", "team_created", "user_created", "invitation_sent"}


def test_existing_office_is_never_changed(dora_client: Client, office: Provider, alice: User) -> None:
    before = (User.objects.count(), Team.objects.count(), Event.objects.count())
    response = dora_client.post("/admin/hulp/kantoor-maken/", NEW | {"office_name": office.name})
    assert response.status_code == 200
    assert response.context["form"].has_error("office_name", "taken")
    assert (User.objects.count(), Team.objects.count(), Event.objects.count()) == before


@pytest.mark.parametrize("field", sorted(NEW))
def test_missing_field_is_refused(field: str, dora_client: Client) -> None:
    response = dora_client.post("/admin/hulp/kantoor-maken/", NEW | {field: ""})
    if field == "prefix":
        assert response.status_code == 302
    else:
        assert response.context["form"].has_error(field)
        assert not Provider.objects.exists()


def test_only_support_and_the_operator_create_an_office(alice: User, dora: User, office: Provider) -> None:
    details = {"initials": "A.", "prefix": "", "last_name": "Jansen", "email": "a@x.example"}
    without_factor = Actor(
        EventOrigin.SUPPORT, dora.full_name, dora, reason=REASON, proof=ReauthenticationLevel.FIVE_MINUTES
    )
    by_page, by_alice = (
        actor(dora),
        Actor(EventOrigin.SUPPORT, "x", alice, reason=REASON, proof=ReauthenticationLevel.FIVE_MINUTES),
    )
    for by in (without_factor, by_page, by_alice, actor(alice)):
        with pytest.raises(PermissionDenied):
            office_setup.set_up_office("Nieuw", administrator=details, mobile_number="+31612345678", by=by)
    factors.give_app(dora)
    silent = Actor(EventOrigin.SUPPORT, dora.full_name, dora, reason=" ", proof=ReauthenticationLevel.FIVE_MINUTES)
    with pytest.raises(PermissionDenied):
        office_setup.set_up_office("Nieuw", administrator=details, mobile_number="+31612345678", by=silent)
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


# Suspending and reactivating an office.


def test_support_closes_and_reopens_with_a_count_a_name_and_a_reason(
    dora_client: Client, dora: User, office: Provider, alice: User, bob: User
) -> None:
    invite(alice)
    token_of(alice)
    signed = Client()
    signed.post("/inloggen/", {"username": "alice", "password": PASSWORD})
    page = dora_client.get(f"/admin/hulp/kantoor-sluiten/{office.pk}/").content.decode()
    for line in ("3 gebruikers", "1 open sessie", "1 token", "1 openstaande uitnodiging", "1 bericht dat wacht"):
        assert line in page
    for wrong in ({"office_name": "Kantoor Smit"}, {"reason": " "}, {"office_name": ""}):
        assert press(dora_client, "kantoor-sluiten", office, **wrong).status_code == 200
    office.refresh_from_db()
    assert office.suspended_at is None
    assert press(dora_client, "kantoor-sluiten", office)["Location"] == f"/admin/accounts/provider/{office.pk}/"
    office.refresh_from_db()
    assert office.suspended_at is not None
    event = Event.objects.get(verb="provider_closed")
    assert (event.provider_id, event.actor_id, event.origin, event.reason) == (office.pk, dora.pk, "support", REASON)
    assert "kantoor-heropenen" in dora_client.get(f"/admin/accounts/provider/{office.pk}/").content.decode()
    told = Message.objects.get(kind="office_closed")
    assert told.recipient == alice.email
    assert REASON in letter(told)
    press(dora_client, "kantoor-sluiten", office)
    assert Event.objects.filter(verb="provider_closed").count() == 1
    press(dora_client, "kantoor-heropenen", office)
    office.refresh_from_db()
    assert office.suspended_at is None
    assert Event.objects.get(verb="provider_reopened").reason == REASON
    assert REASON in letter(Message.objects.get(kind="office_reopened", recipient=alice.email))


def test_only_support_and_the_operator_suspend_or_reactivate(office: Provider, alice: User, dora: User) -> None:
    for act in (suspension.suspend_office, suspension.reactivate_office):
        for by in (
            actor(alice),
            actor(dora),
            Actor(EventOrigin.SUPPORT, "x", alice, reason=REASON, proof=ReauthenticationLevel.FIVE_MINUTES),
        ):
            with pytest.raises(PermissionDenied):
                act(office, by=by)


def test_two_who_close_at_once_leave_one_line_and_one_mail(office: Provider, alice: User) -> None:
    close(office)
    assert not suspension.suspend_office(office, by=build_operator("test"))
    assert Event.objects.filter(verb="provider_closed").count() == 1
    assert Message.objects.filter(kind="office_closed").count() == 1


def test_the_command_does_the_same(office: Provider, alice: User) -> None:
    def run(*options: str, name: str = office.name) -> str:
        said = StringIO()
        call_command("suspend_provider", name, f"--reason={REASON}", *options, stdout=said)
        return said.getvalue()

    assert "has been suspended" in run()
    assert "was already suspended" in run(name=str(office.pk))
    assert Event.objects.get(verb="provider_closed").reason == REASON
    assert "has been reactivated" in run("--reopen")
    assert "was not suspended" in run("--reopen")
    with pytest.raises(CommandError):
        run(name="Kantoor Niemand")
    with pytest.raises(CommandError):
        call_command("suspend_provider", office.name, "--reason= ")


# What it means: every entry point, closed and open again.


def sign_in_from(username: str) -> Any:
    return Client().post("/inloggen/", {"username": username, "password": PASSWORD})


def test_the_login_page_is_shut(office: Provider, bob: User) -> None:
    close(office)
    response = sign_in_from("bob")
    assert response.context["form"].has_error("__all__", "refused")
    assert Event.objects.get(verb="sign_in_refused").reason == "closed"
    suspension.reactivate_office(office, by=build_operator("test"))
    assert sign_in_from("bob").status_code == 302


def test_sessions_end_for_good(office: Provider, bob: User) -> None:
    client = Client()
    client.post("/inloggen/", {"username": "bob", "password": PASSWORD})
    assert client.get("/").status_code == 200
    close(office)
    assert client.get("/")["Location"].startswith("/inloggen/")
    suspension.reactivate_office(office, by=build_operator("test"))
    assert client.get("/")["Location"].startswith("/inloggen/")


def test_who_is_half_in_comes_no_further(office: Provider, bob: User) -> None:
    secret = factors.give_app(bob)
    client = factors.make_half_signed_in_client(bob)
    close(office)
    client.post("/inloggen/code/", {"code": factors.code_now(secret)})
    assert "_auth_user_id" not in client.session


def test_microsoft_is_shut(office: Provider, tenant: Any, entra: Forger, client: Client) -> None:
    user = make_azure_user(office, tenant, OID)
    close(user.provider)
    client.get(build_callback_url(entra, start_sign_in(client)))
    assert "_auth_user_id" not in client.session
    assert Event.objects.get(verb="sign_in_refused").reason == "closed"
    suspension.reactivate_office(user.provider, by=build_operator("test"))
    client.get(build_callback_url(entra, start_sign_in(client)))
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
    suspension.reactivate_office(office, by=build_operator("test"))
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
    suspension.reactivate_office(office, by=build_operator("test"))
    again = Invited(invited.invitation, invited.token, Client())
    again.client.get(f"/uitnodiging/{invited.token}/")
    again.prove()
    assert Event.objects.filter(verb="phone_proved").exists()


def test_a_code_that_was_sent_before_no_longer_helps(office: Provider, alice: User) -> None:
    invited = invite(alice)
    invited.prove()
    close(office)
    invited.post("create_account", username="nieuw", password="Regenboog-17", password_again="Regenboog-17")
    assert User.objects.get(pk=invited.invitation.user_id).accepted_at is None


def test_a_forgotten_password_stays_forgotten(office: Provider, bob: User, dora: User) -> None:
    reset, link = make_reset(bob)
    close(office)
    authentication.actions.request_password_reset(bob.email, address="127.0.0.1")
    authentication.actions.request_password_reset(dora.email, address="127.0.0.1")
    assert authentication.actions.process_reset_requests() == 2
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


def test_users_of_a_suspended_office_can_do_nothing(office: Provider, alice: User) -> None:
    close(office)
    assert checks.effective_rights(alice) == frozenset()
    assert not checks.has_right(alice, Right.VIEW_USERS)
    assert checks.get_inactive_reason(alice) == "closed"
    with pytest.raises(PermissionDenied):
        office_setup.users.actions.change_provider(
            office, name="X", invitation_days=1, support_may_look=True, version=1, by=actor(alice)
        )


def test_messages_rest_and_go_out_after(office: Provider, alice: User, charlie: User, mail_server: Any) -> None:
    invite(alice)
    close(office)
    invite(charlie, email="p@smit.example")
    send_due_messages()
    states = dict(Message.objects.values_list("recipient", "state").filter(kind="invitation"))
    assert states == {"p.deboer@devries.example": "queued", "p@smit.example": "sent"}
    assert Message.objects.get(kind="office_closed").state == "sent"
    assert stats.get_outbox_stats().waiting == 0
    suspension.reactivate_office(office, by=build_operator("test"))
    send_due_messages()
    assert not Message.objects.filter(state="queued").exists()


def test_signals_reminders_and_checkpoints_rest(office: Provider, alice: User) -> None:
    Provider.objects.filter(pk=office.pk).update(
        checkpoint_addresses="auditor@x.example", two_factor_from=timezone.localdate() + timedelta(days=5)
    )
    DailyRun.objects.update_or_create(provider=office, defaults={"due_on": "2020-01-01"})
    close(office)
    assert notifications.delivery.run_daily() == 0
    assert str(DailyRun.objects.get().due_on) == "2020-01-01"
    assert authentication.mfa.reminders.send_due_reminders() == 0
    office.refresh_from_db()
    sign_due_checkpoint(office.pk)
    send_due_messages()
    assert not Message.objects.filter(kind="checkpoint", state="sent").exists()
    suspension.reactivate_office(office, by=build_operator("test"))
    assert notifications.delivery.run_daily() == 1


def test_another_office_notices_nothing(office: Provider, bob: User, charlie: User, charlie_client: Client) -> None:
    close(office)
    assert charlie_client.get("/gebruikers/").status_code == 200
    assert sign_in_from("charlie").status_code == 302


def test_support_itself_is_of_no_office_and_comes_in(office: Provider, dora_client: Client) -> None:
    close(office)
    assert dora_client.get("/admin/").status_code == 200
    assert make_support("egbert").may_sign_in


def test_a_new_user_of_a_suspended_office_is_kept_out_too(office: Provider, alice: User) -> None:
    close(office)
    make_user(office, username="later")
    assert sign_in_from("later").context["form"].has_error("__all__", "refused")
