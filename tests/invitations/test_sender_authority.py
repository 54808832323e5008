"""An invitation is accepted on the current authority of its last sender."""

from datetime import timedelta
from threading import Thread

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

import invitations.actions
import teams.actions
import users.change_login_method
from accounts.models import ExternalTenant, LoginMethod, Provider, User
from audit.actors import Actor, EventOrigin
from audit.models import Event, Verb
from core.access import ReauthenticationLevel
from core.ids import uuid7
from invitations import acceptance, sender_authority
from invitations.acceptance import SenderNotAuthorized
from invitations.models import Invitation
from outbox.models import Message
from permissions.checks import Right
from permissions.models import Employer, Team
from tests.helpers import mfa as factors
from tests.helpers.invited_users import DETAILS, NUMBER, Invited, invite, token_of
from tests.helpers.responses import ClientResponse
from tests.helpers.users import actor, make_support, make_user
from users.status import AccountStatus, annotate_account_status

pytestmark = pytest.mark.django_db
ACCOUNT = {"username": "x.indringer", "password": "Lindeboom-1917", "password_again": "Lindeboom-1917"}
OWN_MAILBOX, OWN_PHONE = "m@elders.example", "+31699999999"


@pytest.fixture
def mallory(office: Provider) -> User:
    """Return a user who may manage users and nothing else."""
    return make_user(office, Right.MANAGE_USERS, initials="M.", last_name="Malier", email=OWN_MAILBOX)


def opened(invitation: Invitation) -> Invited:
    """Return the latest invitation, in a browser that opened its link."""
    invitation.refresh_from_db()
    found = Invited(invitation, token_of(invitation), Client())
    found.client.get(reverse("invitations:open_link", args=[found.token]))
    return found


def resent(user: User, by: Actor, email: str = OWN_MAILBOX) -> Invited:
    """Return the invitation of `user` after it was resent."""
    invitations.actions.resend_invitation(user, mobile_number=OWN_PHONE, email=email, by=by)
    return opened(Invitation.objects.get(user=user))


def steps(invited: Invited) -> list[ClientResponse]:
    """Return the response to every step of accepting."""
    return [
        invited.post("send_code"),
        invited.post("enter_code", code="123456"),
        invited.post("create_account", **ACCOUNT),
    ]


def is_refused(invited: Invited, answer: ClientResponse) -> bool:
    """Return whether accepting was refused for lack of authority, without any effect."""
    invited.invitation.refresh_from_db()
    user = User.objects.get(pk=invited.invitation.user_id)
    untouched = (user.username, user.accepted_at, invited.invitation.state) == (None, None, "open")
    return untouched and (answer.status_code, answer.context["reason"]) == (403, "not_vouched_for")


@pytest.mark.slow
def test_an_old_link_does_not_become_the_account_of_an_administrator(
    office: Provider, alice: User, mallory: User
) -> None:
    user = invite(alice).invitation.user
    invited = resent(user, actor(mallory))
    invited.prove()
    teams.actions.give_individual_rights([user], [Right.MANAGE_PROVIDER], by=actor(alice))
    answer = invited.post("create_account", **ACCOUNT)
    assert is_refused(invited, answer)
    for name in (alice.full_name, mallory.full_name, "rechten", "rights"):
        assert name not in answer.content.decode()  # a stranger reads the name of the office, and nothing else
    assert office.name in answer.content.decode()
    again = resent(user, actor(alice), email=DETAILS["email"])
    again.prove()
    assert again.post("create_account", **ACCOUNT).status_code == 302


@pytest.mark.parametrize("step", ["send_code", "enter_code", "create_account"])
def test_every_step_asks(office: Provider, alice: User, mallory: User, step: str) -> None:
    user = invite(alice).invitation.user
    invited = resent(user, actor(mallory))
    if step != "send_code":
        invited.post("send_code")
    code = invited.last_code() if step != "send_code" else ""
    if step == "create_account":
        invited.post("enter_code", code=code)
    teams.actions.give_individual_rights([user], [Right.MANAGE_PROVIDER], by=actor(alice))
    sent = Message.objects.filter(kind="code").count()
    assert is_refused(invited, invited.post(step, code=code, **ACCOUNT))
    assert Message.objects.filter(kind="code").count() == sent
    assert not invited.invitation.codes.filter(verified_at__isnull=False).exists() or step == "create_account"


def lose_the_right(sender: User) -> None:
    sender.individual_rights.all().delete()


def be_blocked(sender: User) -> None:
    User.objects.filter(pk=sender.pk).update(blocked_at=timezone.now())


def end(sender: User) -> None:
    User.objects.filter(pk=sender.pk).update(access_until=timezone.localdate() - timedelta(days=1))


def miss_a_factor(sender: User) -> None:
    User.objects.filter(pk=sender.pk).update(two_factor_required=True)


def be_erased(sender: User) -> None:
    sender.delete()


@pytest.mark.parametrize("change", [lose_the_right, be_blocked, end, miss_a_factor, be_erased])
def test_the_sender_must_still_be_able_to_send_it(alice: User, mallory: User, change: object) -> None:
    invited = resent(invite(alice).invitation.user, actor(mallory))
    assert invited.post("send_code").status_code == 302
    change(mallory)
    assert is_refused(invited, invited.post("send_code"))


@pytest.mark.slow
def test_what_a_team_gives_at_an_employer_counts(office: Provider, alice: User, mallory: User) -> None:
    user = invite(alice).invitation.user
    invited = resent(user, actor(mallory))
    team = Team.objects.create(provider=office, name="Salaris")
    employer = Employer.objects.create(provider=office, name="Bakker", number=1)
    teams.actions.change_employers(team, add=[employer], by=actor(alice))
    teams.actions.set_team_rights(team, [Right.VIEW_ADMINISTRATION], by=actor(alice))
    assert invited.post("send_code").status_code == 302
    teams.actions.change_members(team, add=[user], by=actor(alice))
    assert is_refused(invited, invited.post("send_code"))
    teams.actions.change_members(team, remove=[user], by=actor(alice))
    invited.prove()
    assert invited.post("create_account", **ACCOUNT).status_code == 302


@pytest.mark.slow
def test_it_is_told_once_to_the_history_and_to_administrators_who_can_sign_in(
    office: Provider, alice: User, bob: User, mallory: User
) -> None:
    blocked = make_user(office, Right.MANAGE_PROVIDER, username="geblokkeerd", blocked_at=timezone.now())
    user = invite(alice).invitation.user
    for _time in range(2):  # resent with the same result, it is reported again
        invited = resent(user, actor(mallory))
        teams.actions.give_individual_rights([user], [Right.MANAGE_PROVIDER], by=actor(alice))
        for _click in range(3):
            steps(invited)
        user.individual_rights.all().delete()
    told = Message.objects.filter(kind="invitation_refused")
    assert [message.recipient for message in told] == [alice.email] * 2
    assert blocked.email not in {message.recipient for message in told}
    events = Event.objects.filter(verb=Verb.INVITATION_REFUSED)
    assert [(event.target_id, event.actor_id) for event in events] == [(user.pk, user.pk)] * 2


def test_the_list_says_that_it_must_be_sent_again(
    office: Provider, alice_client: Client, alice: User, mallory: User
) -> None:
    user = invite(alice).invitation.user
    invited = resent(user, actor(mallory))
    teams.actions.give_individual_rights([user], [Right.MANAGE_PROVIDER], by=actor(alice))
    invited.post("send_code")
    assert annotate_account_status(User.objects.filter(pk=user.pk)).get().status == AccountStatus.REFUSED
    resent(user, actor(alice))
    assert annotate_account_status(User.objects.filter(pk=user.pk)).get().status != AccountStatus.REFUSED


def test_the_operator_vouches_for_everything(office: Provider, alice: User, mallory: User) -> None:
    user = invite(alice).invitation.user
    resent(user, actor(mallory))
    invited = resent(user, actor())
    teams.actions.give_individual_rights([user], [Right.MANAGE_PROVIDER], by=actor(alice))
    invited.prove()
    assert invited.post("create_account", **ACCOUNT).status_code == 302


def test_support_lends_no_authority(office: Provider, alice: User, mallory: User) -> None:
    dora = make_support()
    factors.give_app(dora)
    by = Actor(
        EventOrigin.SUPPORT, dora.full_name, dora, reason="Belde zelf.", proof=ReauthenticationLevel.FIVE_MINUTES
    )
    user = invite(alice).invitation.user
    resent(user, actor(mallory))
    teams.actions.give_individual_rights([user], [Right.MANAGE_PROVIDER], by=actor(alice))
    user.refresh_from_db()
    with pytest.raises(PermissionDenied):
        invitations.actions.resend_invitation(user, mobile_number=NUMBER, email="ander@elders.example", by=by)
    invited = resent(user, by)
    assert is_refused(invited, invited.post("send_code"))
    assert resent(user, actor(alice)).post("send_code").status_code == 302
    assert resent(user, by).post("send_code").status_code == 302


def test_changing_the_login_method_sends_on_ones_own_authority(office: Provider, alice: User, mallory: User) -> None:
    tenant = ExternalTenant.objects.create(provider=office, tenant_id=uuid7(), name="Azure")
    azure = {"login_method": LoginMethod.AZURE_AD, "external_tenant": tenant, "external_user_id": uuid7()}
    user = make_user(office, username="azuur", password=users.change_login_method.make_unusable_password(), **azure)
    users.change_login_method.change_to_website(user, mobile_number=OWN_PHONE, by=actor(mallory))
    invited = opened(user.invitation)
    assert invited.post("send_code").status_code == 302
    teams.actions.give_individual_rights([user], [Right.MANAGE_PROVIDER], by=actor(alice))
    assert is_refused(invited, invited.post("send_code"))


def test_one_of_a_release_that_noted_no_sender_asks_the_history(office: Provider, alice: User, mallory: User) -> None:
    user = invite(alice).invitation.user
    invited = resent(user, actor(mallory))
    Invitation.objects.update(sent_by=None, sent_by_operator=None)
    assert invited.post("send_code").status_code == 302
    teams.actions.give_individual_rights([user], [Right.MANAGE_PROVIDER], by=actor(alice))
    assert is_refused(invited, invited.post("send_code"))
    invited = resent(user, actor())
    Invitation.objects.update(sent_by=None, sent_by_operator=None)
    assert invited.post("send_code").status_code == 302


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_no_right_is_given_between_the_answer_and_the_acceptance(
    office: Provider, alice: User, mallory: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = invite(alice).invitation.user
    invited = resent(user, actor(mallory))
    invited.prove()

    def give() -> None:
        teams.actions.give_individual_rights([user], [Right.MANAGE_PROVIDER], by=actor(alice))
        connection.close()

    giving, seen = Thread(target=give), []

    def vouched(invitation: Invitation) -> bool:
        answer = sender_authority.has_sender_authority(invitation)
        giving.start()
        giving.join(0.5)
        seen.append(giving.is_alive())
        return answer

    monkeypatch.setattr(acceptance, "has_sender_authority", vouched)
    assert invited.post("create_account", **ACCOUNT).status_code == 302
    giving.join()
    user.refresh_from_db()
    given = Event.objects.get(verb=Verb.RIGHTS_CHANGED)
    assert seen == [True]
    assert user.accepted_at is not None
    assert given.at > user.accepted_at


def test_an_action_that_is_refused_says_so(alice: User, mallory: User) -> None:
    user = invite(alice).invitation.user
    invited = resent(user, actor(mallory))
    be_blocked(mallory)
    with pytest.raises(SenderNotAuthorized):
        acceptance.send_code(invited.invitation, token=invited.token, browser="b", by=actor(user))
    assert not Message.objects.filter(kind="code").exists()


@pytest.mark.slow
def test_pages_say_beforehand_and_afterwards_that_it_must_be_sent_again(
    office: Provider, alice: User, alice_client: Client, mallory: User
) -> None:
    user = invite(alice).invitation.user
    resent(user, actor(mallory))
    pages = [
        reverse(name, args=[user.pk]) for name in ("teams:user_rights", "teams:user_teams", "teams:preview_user_set")
    ]
    pages += [reverse("teams:add_teams", args=[user.pk]), reverse("users:user_detail", args=[user.pk])]
    for page in pages:
        assert "invitations/_pending_notice.html" in [template.name for template in alice_client.get(page).templates]
        assert not alice_client.get(page).context["must_be_sent"], page
    given = {"rights": [Right.MANAGE_PROVIDER.value], "before": ""}
    answer = alice_client.post(pages[0], given, follow=True)
    link = reverse("users:resend_invitation", args=[user.pk])
    assert sum(link in str(message) for message in answer.context["messages"]) == 1
    for page in pages:
        assert alice_client.get(page).context["must_be_sent"], page
        assert link in alice_client.get(page).text
    rows = alice_client.get(reverse("users:user_list")).context["rows"]
    assert {person.pk: person.status for person, *_chips in rows}[user.pk] == AccountStatus.REFUSED


@pytest.mark.slow
@pytest.mark.parametrize("path", ["members", "rights", "employers"])
def test_changing_a_team_says_so_of_its_members(
    office: Provider, alice: User, alice_client: Client, mallory: User, path: str
) -> None:
    people = [invite(alice, email=f"u{number}@devries.example").invitation.user for number in range(4)]
    for user in people:
        resent(user, actor(mallory), email=user.email)
    team = Team.objects.create(provider=office, name="Beheer")
    if path == "rights":
        teams.actions.change_members(team, add=people, by=actor(alice))
        url, data = "teams:change_team_rights", {"rights": [Right.MANAGE_PROVIDER.value], "sure": "1"}
        data["version"] = [str(Team.objects.get().version)]
    elif path == "members":
        teams.actions.set_team_rights(team, [Right.VIEW_AUDIT], by=actor(alice))
        url, data = "teams:add_users", {"users": [str(user.pk) for user in people]}
    else:
        employer = Employer.objects.create(provider=office, name="Bakker", number=1)
        teams.actions.set_team_rights(team, [Right.VIEW_ADMINISTRATION], by=actor(alice))
        teams.actions.change_members(team, add=people, by=actor(alice))
        url, data = "teams:add_employers", {"employers": [str(employer.pk)]}
    answer = alice_client.post(reverse(url, args=[team.pk]), data, follow=True)
    told = [str(message) for message in answer.context["messages"]]
    assert sum("/opnieuw-versturen/" in text for text in told) == 3, told
    assert len(told) == 5


@pytest.mark.slow
@pytest.mark.parametrize("noted", [True, False])
def test_a_list_asks_by_sender_and_not_by_invitation(
    office: Provider,
    alice_client: Client,
    alice: User,
    mallory: User,
    django_assert_max_num_queries: DjangoAssertNumQueries,
    noted: bool,
) -> None:
    people = [invite(alice, email=f"u{number}@devries.example").invitation.user for number in range(9)]
    for user in people[:8]:
        resent(user, actor(mallory), email=user.email)
    teams.actions.give_individual_rights(people[:2] + people[8:], [Right.MANAGE_PROVIDER], by=actor(alice))
    if not noted:
        Invitation.objects.update(sent_by=None, sent_by_operator=None)
    with django_assert_max_num_queries(21):
        rows = alice_client.get(reverse("users:user_list")).context["rows"]
    refused = {person.pk for person, *_chips in rows if person.status == AccountStatus.REFUSED}
    assert refused == {user.pk for user in people[:2]}
