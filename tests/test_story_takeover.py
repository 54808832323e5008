"""An intruder with the right to manage users and a portal tries every door to the account of an administrator."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

import signin.actions
import teams.actions
from accounts.models import EmailChange, Provider, User
from bulk import kept, running
from bulk.models import Operation
from invitations.models import Invitation
from outbox.models import Message
from signin.models import PasswordReset
from teams import rights
from teams.models import Team
from teams.rights import Right
from tests import factors
from tests.api import Program, machine, program
from tests.importing import INVITED, team_of
from tests.invited import Invited, body_of, invite, token_of
from tests.kinds import tenant_of
from tests.passkeys import SoftKey
from tests.people import PASSWORD, actor, confirm_now, make_user, signed_in
from tests.test_bulk_pages import send as upload
from tests.test_bulk_several import address
from tests.test_signin_passkeys import SHOW, make, send, show
from tests.test_webservice_authorize import URL, asked, told
from tests.test_webservice_code import BACK, make_program
from tests.test_webservice_sso import by_sso
from webservice import consents
from webservice.models import Application, Consent, Grant

pytestmark = pytest.mark.django_db
OWN_MAILBOX, OWN_PHONE, OWN_PASSWORD = "m@elders.example", "+31687654321", "Lindeboom-1917"
SIGN_IN = (
    "username", "email", "password", "login_method", "external_tenant_id", "external_user_id", "second_factor_at",
    "two_factor_required", "blocked_at", "access_until", "last_name", "session_version",
)  # fmt: skip
PAGES = (
    "bewerken/", "blokkeren/", "deblokkeren/", "gebruikersnaam-versturen/", "wachtwoord/", "wachtwoord/maken/",
    "inlogmethode/", "inlogmethode/azure/", "inlogmethode/website/", "twee-factor-resetten/", "opnieuw-versturen/",
    "intrekken/", "sessies/beeindigen/", "wissen/", "alles.json", "rechten/", "rechten/set/toepassen/", "signalen/",
    "teams/toevoegen/", "vergelijken/gelijkmaken/",
)  # fmt: skip


class Story(NamedTuple):
    """Who takes part: the administrator, the intruder with a browser, a machine with the same rights, and a portal."""

    office: Provider
    boss: User
    mallory: User
    browser: Client
    machine: Program
    portal: Application


@pytest.fixture
def story(office: Provider, alice: User) -> Story:
    """An office with an administrator who has two-factor and lets the portal log them in."""
    factors.give_app(alice)
    may = (Right.VIEW_USERS, Right.MANAGE_USERS)
    mallory = make_user(office, *may, initials="M.", last_name="Malier", username="mallory", email=OWN_MAILBOX)
    factors.give_app(mallory)
    service = make_user(office, *may, login_method="sso_webservice", username="dienst", last_name="Dienst")
    portal = make_program(alice, scopes=["openid", "profile", "users:write", "teams:write", "sso"])
    consents.allow(alice, portal, scopes=["sso"], by=actor(alice))
    browser = factors.signed_in(mallory, factors.secret_of(mallory.authenticator_apps.get()))
    return Story(office, alice, mallory, browser, machine(service), portal)


def outcome(story: Story) -> dict[str, Any]:
    """Return how the administrator signs in, who manages the office, and what the intruder may do."""
    boss = User.objects.get(pk=story.boss.pk)
    return {
        "signs in by": [getattr(boss, name) for name in SIGN_IN],
        "devices": list(boss.authenticator_apps.values_list("pk")),
        "links": (EmailChange.objects.filter(user=boss).count(), PasswordReset.objects.filter(user=boss).count()),
        "administrators": rights.able_administrators(story.office),
        "rights": [rights.effective_rights(user) for user in (story.mallory, story.machine.user)],
        "lets act": list(Consent.objects.filter(user=boss).values_list("application", "scopes")),
        "integrations": list(Application.objects.registered().values_list("pk", "redirect_uris", "client_secret")),
    }


def colleague(story: Story, name: str) -> User:
    """Return somebody without rights, whom the intruder may change."""
    return make_user(story.office, username=name, last_name=name.title(), email=f"{name}@devries.example")


def promoted(story: Story, user: User) -> None:
    """Have the administrator make somebody an administrator, too."""
    teams.actions.give_individual_rights([user], [Right.MANAGE_PROVIDER], by=actor(story.boss))


def by_pages(story: Story) -> None:
    """Send every form about the administrator and about the intruder themselves."""
    team = team_of(story.office, "Beheer", Right.MANAGE_PROVIDER)
    typed = {
        "email": OWN_MAILBOX, "version": "1", "initials": "A.", "last_name": "Anders", "password": OWN_PASSWORD,
        "password_again": OWN_PASSWORD, "mobile_number": OWN_PHONE, "reason": "kwijt", "teams": str(team.pk),
        "rights": "manage_provider", "external_user_id": str(uuid4()), "colleague": str(story.boss.pk),
    }  # fmt: skip
    for user in (story.boss, story.mallory):
        for path in PAGES:
            answer = story.browser.post(f"/gebruikers/{user.pk}/{path}", typed)
            away = answer.headers.get("Location", "")
            assert answer.status_code in (403, 404, 405) or away in ("/profiel/", "/profiel/signalen/"), path
    for path in ("/kantoor/koppelingen/nieuw/", f"/teams/{team.pk}/gebruikers/", "/kantoor/twee-factor/", "/admin/"):
        assert story.browser.post(path, typed).status_code in (302, 403, 404), path
    team.delete()


def by_machine(story: Story) -> None:
    """Call every operation about the administrator, with a token of client credentials and with one of a sign-in."""
    tenant, user = tenant_of(story.office), f"/providers/users/{story.boss.pk}"
    person = {"personalDetails": {"initials": "A.", "lastName": "Anders"}, "hasAccessToPayrollingTestData": False}
    kept = {"contactInformation": {"emailAddress": story.boss.email}}
    calls = [
        ("PUT", user, person | {"contactInformation": {"emailAddress": OWN_MAILBOX}}),
        ("PUT", user, person | kept | {"hasMultiFactorAuthentication": False}),
        ("PUT", user, person | kept | {"twoFactorAuthenticationRequired": False}),
        ("PUT", user, person | kept | {"accessUntil": "2020-01-01"}),
        ("PATCH", user, {"action": "Block"}),
        ("PATCH", user, {"action": "Unblock"}),
        ("PATCH", user, {"action": "Resend", "resendInformation": {"destinationForSecret": OWN_PHONE}}),
        ("PATCH", f"{user}/configuredexternaltenant", {"tenant": {"id": str(tenant.pk)}, "userId": str(uuid4())}),
        ("PATCH", f"{user}/configuredexternaltenant", {"tenant": None, "userId": None}),
        ("PATCH", f"/providers/users/{story.mallory.pk}/authorizations", {"authorizations": [{"key": "manage_teams"}]}),
        ("PATCH", f"/providers/users/{story.machine.user.pk}/authorizations", {"authorizations": []}),
        ("DELETE", user, None),
    ]  # fmt: skip
    for caller in (story.machine, program(story.mallory)):
        etag = caller.get(user)["ETag"]
        for method, path, body in calls:
            for headers in ({}, {"If_Match": etag}, {"Idempotency_Key": "k-1"}):
                answer = caller.call(method, path, body, **headers)
                assert answer.status_code in (400, 403, 412, 428), (method, path, answer.content)
    tenant.delete()


def by_file(story: Story) -> None:
    """Import rows about the administrator and a newcomer with rights; then undo what was done to a colleague."""
    rows = [
        {"username": "alice", "email": OWN_MAILBOX},
        {"username": "alice", "blocked": "ja"},
        {"username": "mallory", "individual_rights": "manage_provider"},
        INVITED | {"individual_rights": "manage_provider"},
    ]
    for row in rows:
        operation = upload(story.browser, row)
        assert list(kept.faults_of(operation)), row
        assert not is_done(story, operation), row
    quinn = colleague(story, "quinn")
    done = upload(story.browser, {"username": "quinn", "last_name": "Anders"})
    assert is_done(story, done)
    promoted(story, quinn)
    story.browser.post(f"/gebruikers/plan/{done.pk}/terugdraaien/")
    undo = Operation.objects.get(undoes=done)
    assert list(kept.faults_of(undo))
    is_done(story, undo)
    quinn.refresh_from_db()
    assert quinn.last_name == "Anders"
    retired(story, quinn)


def is_done(story: Story, operation: Operation) -> bool:
    """Confirm a plan, and return whether the worker did what it says."""
    story.browser.post(f"/gebruikers/plan/{operation.pk}/")
    running.run_due()
    return Operation.objects.get(pk=operation.pk).is_done


def retired(story: Story, user: User) -> None:
    """Have the administrator take back what was given."""
    teams.actions.set_individual_rights(user, [], by=actor(story.boss))


def by_selection(story: Story) -> None:
    """Choose the administrator in the list, for everything that can be done to several at once."""
    team = team_of(story.office, "Alle", Right.MANAGE_PROVIDER)
    for act in ("block", "end", "two_factor", "join", "resend"):
        typed = {"act": act, "team": str(team.pk), "access_until": "2030-01-01"}
        away = story.browser.post(address(story.boss), typed).headers.get("Location", "")
        if away.startswith("/gebruikers/plan/"):
            is_done(story, Operation.objects.latest("created_at"))
            assert not list(kept.items_of(Operation.objects.latest("created_at"))), act
    story.browser.post(address(story.boss, name="numbers"), {f"number-{story.boss.pk}": OWN_PHONE})
    team.delete()


def by_an_invitation(story: Story) -> None:
    """Have invitations of nobody in particular sent to a mailbox of one's own, which become worth more by each road."""
    managing = team_of(story.office, "Beheer", Right.MANAGE_PROVIDER)
    plain = team_of(story.office, "Gewoon")
    roads: list[Callable[[User], object]] = [
        lambda user: promoted(story, user),
        lambda user: teams.actions.change_teams(user, add=[managing], by=actor(story.boss)),
        lambda user: joined_first(story, user, plain),
    ]
    for number, give in enumerate(roads):
        user = invite(story.boss, last_name=f"Nieuw {number}").invitation.user
        resent = {"email": OWN_MAILBOX, "mobile_number": OWN_PHONE, "sent": user.invitation.sent_at.isoformat()}
        assert story.browser.post(f"/gebruikers/{user.pk}/opnieuw-versturen/", resent).status_code == 302
        link = Invited(Invitation.objects.get(user=user), token_of(Invitation.objects.get(user=user)), Client())
        link.client.get(f"/uitnodiging/{link.token}/")
        link.prove()
        give(user)
        typed = {"username": f"indringer{number}", "password": OWN_PASSWORD, "password_again": OWN_PASSWORD}
        assert link.post("account", **typed).status_code == 403
        assert story.browser.post(f"/gebruikers/{user.pk}/opnieuw-versturen/", resent).status_code == 403
        assert User.objects.get(pk=user.pk).accepted_at is None
    managing.delete()
    plain.delete()


def joined_first(story: Story, user: User, team: Team) -> None:
    """Put somebody into a team that gives nothing yet, and have it manage the office afterwards."""
    teams.actions.change_teams(user, add=[team], by=actor(story.boss))
    teams.actions.set_team_rights(team, [Right.MANAGE_PROVIDER], by=actor(story.boss))


def by_a_mailed_link(story: Story) -> None:
    """Ask for another address of a colleague who is made an administrator before the link is opened."""
    rose = colleague(story, "rose")
    typed = {name: getattr(rose, name) for name in ("initials", "last_name", "version")} | {"email": OWN_MAILBOX}
    assert story.browser.post(f"/gebruikers/{rose.pk}/bewerken/", typed).status_code == 302
    link = re.search(r"/email-bevestigen/[\w-]+/", body_of(Message.objects.get(kind="confirm_address"))["text"])
    assert link
    promoted(story, rose)
    assert story.browser.post(link[0]).status_code == 404
    retired(story, rose)
    for address_ in (story.boss.email, OWN_MAILBOX):
        story.browser.post("/wachtwoord-vergeten/", {"email": address_})
    signin.actions.expand_reset_requests()
    to = dict(Message.objects.filter(kind="password_link").values_list("user_id", "recipient"))
    assert to == {story.boss.pk: story.boss.email, story.mallory.pk: OWN_MAILBOX}
    PasswordReset.objects.all().delete()


def by_the_portal(story: Story) -> None:
    """Come in as the administrator with a ticket, which their consent to be logged in is good for, and go on."""
    portals = program(story.boss, "sso", application=story.portal)
    far = portals.call("POST", "/sso/tickets", {"next": "https://evil.example/"})
    assert far.status_code == 400
    for path, status in (("/user", 403), (f"/providers/users/{story.boss.pk}", 403)):
        assert portals.get(path).status_code == status
    inside = Client()
    url = portals.call("POST", "/sso/tickets", {"next": "/bevestigen/?next=/profiel/email/"}).json()["content"]["url"]
    assert inside.post(urlsplit(url).path).status_code == 302
    assert inside.get("/profiel/")["Location"].startswith("/inloggen/code/")
    pass_by(inside, story.boss)  # as if the portal had seen a code of the app, and no password
    nothing_without_proof(inside, story)
    code = {"code": factors.code_now(factors.secret_of(story.boss.authenticator_apps.get()))}
    assert inside.post("/bevestigen/", code).status_code == 200
    nothing_without_proof(inside, story)
    for change in ({}, {"scope": "users:write teams:write"}, {"scope": "sso"}, {"scope": "sso", "prompt": "none"}):
        question = asked(story.portal, **change)
        inside.get(URL, question)
        inside.post(f"{URL}?{urlencode(question)}")
    assert not Grant.objects.exists()


def pass_by(client: Client, user: User) -> None:
    """Show the code of the app, which may be used once more afterwards."""
    user.authenticator_apps.update(last_step=0)
    code = factors.code_now(factors.secret_of(user.authenticator_apps.get()))
    assert client.post("/inloggen/code/", {"code": code}).status_code == 302
    user.authenticator_apps.update(last_step=0)


def nothing_without_proof(client: Client, story: Story) -> None:
    """Try, in a session of the administrator, all that would make the account or the office somebody else's."""
    device, of = story.boss.authenticator_apps.get(), f"/gebruikers/{story.mallory.pk}"
    typed = {
        "email": OWN_MAILBOX, "password": OWN_PASSWORD, "password_again": OWN_PASSWORD, "rights": "manage_provider",
        "current_password": "geraden", "name": "Sleutel", "redirect_uris": BACK, "scopes": "users:write",
        "version": "1", "reason": "kwijt", "mobile_number": OWN_PHONE, "before": "manage_users,view_users",
    }  # fmt: skip
    paths = [
        "/profiel/email/", "/profiel/wachtwoord/", "/profiel/twee-factor/app/", "/profiel/twee-factor/herstelcodes/",
        f"/profiel/twee-factor/{device.pk}/verwijderen/", f"{of}/rechten/", f"{of}/blokkeren/",
        f"{of}/twee-factor-resetten/", f"{of}/inlogmethode/azure/", "/gebruikers/importeren/",
        f"/kantoor/koppelingen/{story.portal.pk}/geheim/", "/kantoor/koppelingen/nieuw/", "/kantoor/tenants/nieuw/",
        "/gebruikers/nieuw/website/", "/gebruikers/nieuw/webservice/", "/gebruikers/nieuw/azure/",
    ]  # fmt: skip
    wrong = {path: answer for path in paths if not asks(answer := client.post(path, typed))}
    assert not wrong
    assert send(client, "/profiel/twee-factor/passkey/begin/").status_code == 403


def asks(answer: Any) -> bool:
    """Return whether a page asks to confirm who one is first."""
    return bool(answer.headers.get("Location", "").startswith("/bevestigen/?next="))


def by_a_stolen_cookie(story: Story) -> None:
    """Use the session of the administrator, who signed in an hour ago, until it is renewed under another key."""
    bosses = factors.signed_in(story.boss, factors.secret_of(story.boss.authenticator_apps.get()))
    confirm_now(bosses, seconds_ago=3600)
    thief = thief_of(bosses)
    assert thief.get("/profiel/").status_code == 200
    nothing_without_proof(thief, story)
    question = f"{URL}?{urlencode(asked(story.portal, scope='users:write teams:write', prompt='consent'))}"
    assert thief.post(question)["Location"].startswith("/bevestigen/")
    code = factors.code_now(factors.secret_of(story.boss.authenticator_apps.get()))
    lured = bosses.post(f"/bevestigen/?{urlencode({'next': question})}", {"code": code, "next": question})
    assert lured["Location"] == question
    assert bosses.get(f"/bevestigen/verder/?{urlencode({'next': question})}")["Location"] == "/"
    assert thief.get("/profiel/").status_code == 302


def by_another_session(story: Story) -> None:
    """Plant a session before the administrator signs in, and let one's own recent proof count as theirs."""
    planted = thief_of(story.browser)
    assert planted.get("/inloggen/").status_code == 302
    assert planted.post("/uitloggen/").status_code == 302
    before = Client()
    before.get("/inloggen/")
    before.post("/inloggen/", {"username": story.boss.username, "password": PASSWORD})
    victim = thief_of(before)
    pass_by(victim, story.boss)
    assert before.get("/profiel/").status_code == 302
    assert victim.cookies["sessionid"].value != before.cookies["sessionid"].value


def by_the_program_of_another_office(story: Story) -> None:
    """Ask the administrator's browser for the consent of a program that another office registered."""
    other = Provider.objects.create(name="Kantoor Smit", established_at=timezone.now())
    smit = make_user(other, Right.MANAGE_PROVIDER, username="smit", last_name="Smit")
    foreign = make_program(smit, scopes=["openid", "users:write", "sso"])
    bosses = factors.signed_in(story.boss, factors.secret_of(story.boss.authenticator_apps.get()))
    for answer in (bosses.get(URL, asked(foreign)), bosses.post(f"{URL}?{urlencode(asked(foreign))}")):
        assert (answer.status_code, "Location" in answer) == (404, False)
    assert program(story.boss, application=foreign).get("/user").status_code == 401
    for caller in (program(smit), machine(smit)):
        assert caller.call("PATCH", f"/providers/users/{story.boss.pk}", {"action": "Block"}).status_code == 404
    foreign.delete()


ROADS = (
    by_pages, by_machine, by_file, by_selection, by_an_invitation, by_a_mailed_link, by_the_portal, by_a_stolen_cookie,
    by_another_session, by_the_program_of_another_office,
)  # fmt: skip


def test_the_intruder_gets_nowhere_by_any_door(story: Story) -> None:
    before = outcome(story)
    for road in ROADS:
        road(story)
        assert outcome(story) == before, road.__doc__


def thief_of(client: Client) -> Client:
    """Return another browser with the session cookie of `client` and nothing else."""
    thief = Client()
    thief.cookies["sessionid"] = client.cookies["sessionid"].value
    return thief


def test_a_thief_of_the_cookie_plants_no_form_that_its_user_sends(alice: User, bob: User) -> None:
    alices = signed_in(alice, seconds_ago=3600)
    thief, path = thief_of(alices), f"/gebruikers/{bob.pk}/rechten/"
    planted = thief.post(path, {"rights": ["manage_provider"], "expected": ""})
    assert planted["Location"].startswith("/bevestigen/?next=")
    lure = f"/bevestigen/?{urlencode({'next': path})}"
    assert alices.post(lure, {"current_password": PASSWORD, "next": path})["Location"] == path
    assert alices.get(f"/bevestigen/verder/?{urlencode({'next': path})}")["Location"] == "/"
    assert thief.get("/profiel/").status_code == 302  # confirming went on under another key


def test_agreeing_wants_the_recent_sign_in_that_the_program_asked_for(alice: User, bob: User) -> None:
    program = make_program(alice)
    for wish, seconds in ({"prompt": "login"}, 60), ({"max_age": "120"}, 120), ({"max_age": "0"}, 60):
        address = f"{URL}?{urlencode(asked(program, prompt='consent') | wish)}"
        late = signed_in(bob, seconds_ago=seconds + 301)
        assert late.post(address)["Location"].startswith("/bevestigen/?next=")
        assert not Consent.objects.exists()
        read = signed_in(bob, seconds_ago=seconds + 290)  # who reads the page first
        assert "code" in told(read.post(address))
        Consent.objects.all().delete()


def test_a_found_security_key_confirms_no_session_of_a_portal(bob: User) -> None:
    key = SoftKey()
    assert make(signed_in(bob), key).status_code == 200
    bob.refresh_from_db()
    key.flags = 0x01  # somebody touches it, who does not know its PIN
    portals = by_sso(bob)
    assert send(portals, f"{SHOW}begin/").json()["userVerification"] == "required"
    assert show(portals, key).status_code == 400
    assert portals.get("/profiel/")["Location"].startswith("/inloggen/code/")
    key.flags = 0x05
    assert show(portals, key).status_code == 200
    assert portals.get("/profiel/wachtwoord/").status_code == 200
