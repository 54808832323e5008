"""An attacker with the right to manage users and a portal tries every path to an administrator's account."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

import authentication.actions
import teams.actions
from accounts.models import EmailChange, Provider, User
from authentication.models import PasswordResetToken
from imports import runner, storage
from imports.models import ImportJob
from invitations.models import Invitation
from oauth import consents
from oauth.models import Application, AuthorizationCode, Consent
from outbox.models import Message
from permissions import checks
from permissions.checks import Right
from permissions.models import Team
from tests.authentication.mfa.test_passkeys import SHOW, make, send, show
from tests.helpers import mfa as factors
from tests.helpers.api_client import Program, machine, program
from tests.helpers.consent import allow
from tests.helpers.import_files import INVITED, team_of
from tests.helpers.invited_users import Invited, body_of, invite, token_of
from tests.helpers.login_methods import tenant_of
from tests.helpers.software_passkeys import SoftKey
from tests.helpers.users import PASSWORD, actor, confirm_now, make_user, signed_in
from tests.imports.test_bulk_actions import address
from tests.imports.test_user_jobs import send as upload
from tests.oauth.test_authorization_code import BACK, make_application
from tests.oauth.test_authorize import URL, asked, told
from tests.oauth.test_sso_tickets import by_sso

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
    "teams/toevoegen/", "vergelijken/gelijkmaken/", "vertrek/",
)  # fmt: skip


class OfficeSetup(NamedTuple):
    """The administrator, the attacker with a browser, a webservice user with the same rights, and a portal."""

    office: Provider
    boss: User
    mallory: User
    browser: Client
    machine: Program
    portal: Application


@pytest.fixture
def office_setup(office: Provider, alice: User) -> OfficeSetup:
    """An office whose administrator has two-factor and allows the portal to log them in."""
    factors.give_app(alice)
    may = (Right.VIEW_USERS, Right.MANAGE_USERS)
    mallory = make_user(office, *may, initials="M.", last_name="Malier", username="mallory", email=OWN_MAILBOX)
    factors.give_app(mallory)
    service = make_user(office, *may, login_method="sso_webservice", username="dienst", last_name="Dienst")
    portal = make_application(alice, scopes=["openid", "profile", "users:write", "teams:write", "sso"])
    consents.grant_consent(alice, portal, scopes=["sso"], by=actor(alice))
    browser = factors.signed_in(mallory, factors.secret_of(mallory.authenticator_apps.get()))
    return OfficeSetup(office, alice, mallory, browser, machine(service), portal)


def outcome(office_setup: OfficeSetup) -> dict[str, Any]:
    """Return how the administrator signs in, who manages the office, and what the attacker may do."""
    boss = User.objects.get(pk=office_setup.boss.pk)
    return {
        "signs in by": [getattr(boss, name) for name in SIGN_IN],
        "devices": list(boss.authenticator_apps.values_list("pk")),
        "links": (EmailChange.objects.filter(user=boss).count(), PasswordResetToken.objects.filter(user=boss).count()),
        "administrators": checks.list_active_administrators(office_setup.office),
        "rights": [checks.effective_rights(user) for user in (office_setup.mallory, office_setup.machine.user)],
        "lets act": list(Consent.objects.filter(user=boss).values_list("application", "scopes")),
        "integrations": list(Application.objects.registered().values_list("pk", "redirect_uris", "client_secret")),
    }


def colleague(office_setup: OfficeSetup, name: str) -> User:
    """Return a user without rights, whom the attacker may change."""
    return make_user(office_setup.office, username=name, last_name=name.title(), email=f"{name}@devries.example")


def promoted(office_setup: OfficeSetup, user: User) -> None:
    """Let the administrator make the user an administrator too."""
    teams.actions.give_individual_rights([user], [Right.MANAGE_PROVIDER], by=actor(office_setup.boss))


def by_pages(office_setup: OfficeSetup) -> None:
    """Submit every form about the administrator and about the attacker."""
    team = team_of(office_setup.office, "Beheer", Right.MANAGE_PROVIDER)
    typed = {
        "email": OWN_MAILBOX, "version": "1", "initials": "A.", "last_name": "Anders", "password": OWN_PASSWORD,
        "password_again": OWN_PASSWORD, "mobile_number": OWN_PHONE, "reason": "kwijt", "teams": str(team.pk),
        "rights": "manage_provider", "external_user_id": str(uuid4()), "colleague": str(office_setup.boss.pk),
    }  # fmt: skip
    for user in (office_setup.boss, office_setup.mallory):
        for path in PAGES:
            answer = office_setup.browser.post(f"/gebruikers/{user.pk}/{path}", typed)
            away = answer.headers.get("Location", "")
            assert answer.status_code in (403, 404, 405) or away in ("/profiel/", "/profiel/signalen/"), path
    for path in ("/kantoor/koppelingen/nieuw/", f"/teams/{team.pk}/gebruikers/", "/kantoor/twee-factor/", "/admin/"):
        assert office_setup.browser.post(path, typed).status_code in (302, 403, 404), path
    team.delete()


def by_machine(office_setup: OfficeSetup) -> None:
    """Call every operation about the administrator, with a client credentials token and with one of a sign-in."""
    tenant, user = tenant_of(office_setup.office), f"/providers/users/{office_setup.boss.pk}"
    person = {"personalDetails": {"initials": "A.", "lastName": "Anders"}, "hasAccessToPayrollingTestData": False}
    kept = {"contactInformation": {"emailAddress": office_setup.boss.email}}
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
        (
            "PATCH", f"/providers/users/{office_setup.mallory.pk}/authorizations",
            {"authorizations": [{"key": "manage_teams"}]},
        ),
        ("PATCH", f"/providers/users/{office_setup.machine.user.pk}/authorizations", {"authorizations": []}),
        ("DELETE", user, None),
    ]  # fmt: skip
    for caller in (office_setup.machine, program(office_setup.mallory)):
        etag = caller.get(user)["ETag"]
        for method, path, body in calls:
            for headers in ({}, {"If_Match": etag}, {"Idempotency_Key": "k-1"}):
                answer = caller.call(method, path, body, **headers)
                assert answer.status_code in (400, 403, 412, 428), (method, path, answer.content)
    tenant.delete()


def by_file(office_setup: OfficeSetup) -> None:
    """Import rows about the administrator and a new user with rights; then undo changes to a colleague."""
    rows = [
        {"username": "alice", "email": OWN_MAILBOX},
        {"username": "alice", "blocked": "ja"},
        {"username": "mallory", "individual_rights": "manage_provider"},
        INVITED | {"individual_rights": "manage_provider"},
    ]
    for row in rows:
        job = upload(office_setup.browser, row)
        assert list(storage.iterate_faults(job)), row
        assert not is_done(office_setup, job), row
    quinn = colleague(office_setup, "quinn")
    done = upload(office_setup.browser, {"username": "quinn", "last_name": "Anders"})
    assert is_done(office_setup, done)
    promoted(office_setup, quinn)
    office_setup.browser.post(f"/gebruikers/plan/{done.pk}/terugdraaien/")
    undo = ImportJob.objects.get(undoes=done)
    assert list(storage.iterate_faults(undo))
    is_done(office_setup, undo)
    quinn.refresh_from_db()
    assert quinn.last_name == "Anders"
    retired(office_setup, quinn)


def is_done(office_setup: OfficeSetup, job: ImportJob) -> bool:
    """Confirm a plan, and return whether the worker applied it."""
    office_setup.browser.post(f"/gebruikers/plan/{job.pk}/")
    runner.run_due_jobs()
    return ImportJob.objects.get(pk=job.pk).is_done


def retired(office_setup: OfficeSetup, user: User) -> None:
    """Let the administrator revoke what was granted."""
    teams.actions.set_individual_rights(user, [], by=actor(office_setup.boss))


def by_selection(office_setup: OfficeSetup) -> None:
    """Select the administrator in the list, for every bulk action."""
    team = team_of(office_setup.office, "Alle", Right.MANAGE_PROVIDER)
    for act in ("block", "end", "two_factor", "join", "resend"):
        typed = {"act": act, "team": str(team.pk), "access_until": "2030-01-01"}
        away = office_setup.browser.post(address(office_setup.boss), typed).headers.get("Location", "")
        if away.startswith("/gebruikers/plan/"):
            is_done(office_setup, ImportJob.objects.latest("created_at"))
            assert not list(storage.iterate_items(ImportJob.objects.latest("created_at"))), act
    office_setup.browser.post(
        address(office_setup.boss, name="bulk_action_numbers"), {f"number-{office_setup.boss.pk}": OWN_PHONE}
    )
    team.delete()


def by_an_invitation(office_setup: OfficeSetup) -> None:
    """Have invitations sent to the attacker's mailbox, which become worth more with each grant."""
    managing = team_of(office_setup.office, "Beheer", Right.MANAGE_PROVIDER)
    plain = team_of(office_setup.office, "Gewoon")
    grants: list[Callable[[User], object]] = [
        lambda user: promoted(office_setup, user),
        lambda user: teams.actions.change_teams(user, add=[managing], by=actor(office_setup.boss)),
        lambda user: joined_first(office_setup, user, plain),
    ]
    for number, give in enumerate(grants):
        user = invite(office_setup.boss, last_name=f"Nieuw {number}").invitation.user
        resent = {"email": OWN_MAILBOX, "mobile_number": OWN_PHONE, "sent": user.invitation.sent_at.isoformat()}
        assert office_setup.browser.post(f"/gebruikers/{user.pk}/opnieuw-versturen/", resent).status_code == 302
        link = Invited(Invitation.objects.get(user=user), token_of(Invitation.objects.get(user=user)), Client())
        link.client.get(f"/uitnodiging/{link.token}/")
        link.prove()
        give(user)
        typed = {"username": f"indringer{number}", "password": OWN_PASSWORD, "password_again": OWN_PASSWORD}
        assert link.post("create_account", **typed).status_code == 403
        assert office_setup.browser.post(f"/gebruikers/{user.pk}/opnieuw-versturen/", resent).status_code == 403
        assert User.objects.get(pk=user.pk).accepted_at is None
    managing.delete()
    plain.delete()


def joined_first(office_setup: OfficeSetup, user: User, team: Team) -> None:
    """Add a user to a team without rights, and let it manage the office afterwards."""
    teams.actions.change_teams(user, add=[team], by=actor(office_setup.boss))
    teams.actions.set_team_rights(team, [Right.MANAGE_PROVIDER], by=actor(office_setup.boss))


def by_a_mailed_link(office_setup: OfficeSetup) -> None:
    """Request a new address for a colleague who becomes an administrator before the link is opened."""
    rose = colleague(office_setup, "rose")
    typed = {name: getattr(rose, name) for name in ("initials", "last_name", "version")} | {"email": OWN_MAILBOX}
    assert office_setup.browser.post(f"/gebruikers/{rose.pk}/bewerken/", typed).status_code == 302
    link = re.search(r"/email-bevestigen/[\w-]+/", body_of(Message.objects.get(kind="confirm_address"))["text"])
    assert link
    promoted(office_setup, rose)
    assert office_setup.browser.post(link[0]).status_code == 404
    retired(office_setup, rose)
    for address_ in (office_setup.boss.email, OWN_MAILBOX):
        office_setup.browser.post("/wachtwoord-vergeten/", {"email": address_})
    authentication.actions.process_reset_requests()
    to = dict(Message.objects.filter(kind="password_link").values_list("user_id", "recipient"))
    assert to == {office_setup.boss.pk: office_setup.boss.email, office_setup.mallory.pk: OWN_MAILBOX}
    PasswordResetToken.objects.all().delete()


def by_the_portal(office_setup: OfficeSetup) -> None:
    """Sign in as the administrator with a ticket, which their consent allows, and go on."""
    portals = program(office_setup.boss, "sso", application=office_setup.portal)
    far = portals.call("POST", "/sso/tickets", {"next": "https://evil.example/"})
    assert far.status_code == 400
    for path, status in (("/user", 403), (f"/providers/users/{office_setup.boss.pk}", 403)):
        assert portals.get(path).status_code == status
    inside = Client()
    url = portals.call("POST", "/sso/tickets", {"next": "/bevestigen/?next=/profiel/email/"}).json()["content"]["url"]
    assert inside.post(urlsplit(url).path).status_code == 302
    assert inside.get("/profiel/")["Location"].startswith("/inloggen/code/")
    pass_by(inside, office_setup.boss)  # as if the portal had seen a code of the app, and no password
    nothing_without_proof(inside, office_setup)
    code = {"code": factors.code_now(factors.secret_of(office_setup.boss.authenticator_apps.get()))}
    assert inside.post("/bevestigen/", code).status_code == 200
    nothing_without_proof(inside, office_setup)
    for change in ({}, {"scope": "users:write teams:write"}, {"scope": "sso"}, {"scope": "sso", "prompt": "none"}):
        question = asked(office_setup.portal, **change)
        inside.get(URL, question)
        allow(inside, f"{URL}?{urlencode(question)}")
    assert not AuthorizationCode.objects.exists()


def pass_by(client: Client, user: User) -> None:
    """Enter the code of the app, which may be used once more afterwards."""
    user.authenticator_apps.update(last_step=0)
    code = factors.code_now(factors.secret_of(user.authenticator_apps.get()))
    assert client.post("/inloggen/code/", {"code": code}).status_code == 302
    user.authenticator_apps.update(last_step=0)


def nothing_without_proof(client: Client, office_setup: OfficeSetup) -> None:
    """In a session of the administrator, try everything that would take over the account or the office."""
    device, of = office_setup.boss.authenticator_apps.get(), f"/gebruikers/{office_setup.mallory.pk}"
    typed = {
        "email": OWN_MAILBOX, "password": OWN_PASSWORD, "password_again": OWN_PASSWORD, "rights": "manage_provider",
        "current_password": "geraden", "name": "Sleutel", "redirect_uris": BACK, "scopes": "users:write",
        "version": "1", "reason": "kwijt", "mobile_number": OWN_PHONE, "before": "manage_users,view_users",
    }  # fmt: skip
    paths = [
        "/profiel/email/", "/profiel/wachtwoord/", "/profiel/twee-factor/app/", "/profiel/twee-factor/herstelcodes/",
        f"/profiel/twee-factor/{device.pk}/verwijderen/", f"{of}/rechten/", f"{of}/blokkeren/",
        f"{of}/twee-factor-resetten/", f"{of}/inlogmethode/azure/", "/gebruikers/importeren/",
        f"/kantoor/koppelingen/{office_setup.portal.pk}/geheim/", "/kantoor/koppelingen/nieuw/",
        "/kantoor/tenants/nieuw/",
        "/gebruikers/nieuw/website/", "/gebruikers/nieuw/webservice/", "/gebruikers/nieuw/azure/",
    ]  # fmt: skip
    wrong = {path: answer for path in paths if not asks(answer := client.post(path, typed))}
    assert not wrong
    assert send(client, "/profiel/twee-factor/passkey/begin/").status_code == 403


def asks(answer: Any) -> bool:
    """Return whether a page asks for re-authentication first."""
    return bool(answer.headers.get("Location", "").startswith("/bevestigen/?next="))


def by_a_stolen_cookie(office_setup: OfficeSetup) -> None:
    """Use the session of the administrator, who signed in an hour ago, until its key is renewed."""
    bosses = factors.signed_in(office_setup.boss, factors.secret_of(office_setup.boss.authenticator_apps.get()))
    confirm_now(bosses, seconds_ago=3600)
    thief = thief_of(bosses)
    assert thief.get("/profiel/").status_code == 200
    nothing_without_proof(thief, office_setup)
    question = f"{URL}?{urlencode(asked(office_setup.portal, scope='users:write teams:write', prompt='consent'))}"
    assert allow(thief, question)["Location"].startswith("/bevestigen/")
    code = factors.code_now(factors.secret_of(office_setup.boss.authenticator_apps.get()))
    lured = bosses.post(f"/bevestigen/?{urlencode({'next': question})}", {"code": code, "next": question})
    assert lured["Location"] == question
    for form_id in ["", *bosses.session.get("pending_forms", {})]:
        assert bosses.get(f"/bevestigen/verder/?{urlencode({'next': question, 'form': form_id})}")["Location"] == "/"
    assert thief.get("/profiel/").status_code == 302


def by_another_session(office_setup: OfficeSetup) -> None:
    """Plant a session before the administrator signs in, and present one's own recent proof as theirs."""
    planted = thief_of(office_setup.browser)
    assert planted.get("/inloggen/").status_code == 302
    assert planted.post("/uitloggen/").status_code == 302
    before = Client()
    before.get("/inloggen/")
    before.post("/inloggen/", {"username": office_setup.boss.username, "password": PASSWORD})
    victim = thief_of(before)
    pass_by(victim, office_setup.boss)
    assert before.get("/profiel/").status_code == 302
    assert victim.cookies["sessionid"].value != before.cookies["sessionid"].value


def by_the_program_of_another_office(office_setup: OfficeSetup) -> None:
    """Ask the administrator's browser to consent to an application of another office."""
    other = Provider.objects.create(name="Kantoor Smit", established_at=timezone.now())
    smit = make_user(other, Right.MANAGE_PROVIDER, username="smit", last_name="Smit")
    foreign = make_application(smit, scopes=["openid", "users:write", "sso"])
    bosses = factors.signed_in(office_setup.boss, factors.secret_of(office_setup.boss.authenticator_apps.get()))
    for answer in (bosses.get(URL, asked(foreign)), allow(bosses, f"{URL}?{urlencode(asked(foreign))}")):
        assert (answer.status_code, "Location" in answer) == (404, False)
    assert program(office_setup.boss, application=foreign).get("/user").status_code == 401
    for caller in (program(smit), machine(smit)):
        assert caller.call("PATCH", f"/providers/users/{office_setup.boss.pk}", {"action": "Block"}).status_code == 404
    foreign.delete()


ATTACKS = (
    by_pages, by_machine, by_file, by_selection, by_an_invitation, by_a_mailed_link, by_the_portal, by_a_stolen_cookie,
    by_another_session, by_the_program_of_another_office,
)  # fmt: skip


@pytest.mark.slow
def test_the_intruder_gets_nowhere(office_setup: OfficeSetup) -> None:
    before = outcome(office_setup)
    for attack in ATTACKS:
        attack(office_setup)
        assert outcome(office_setup) == before, attack.__doc__


def thief_of(client: Client) -> Client:
    """Return another browser with only the session cookie of `client`."""
    thief = Client()
    thief.cookies["sessionid"] = client.cookies["sessionid"].value
    return thief


def test_a_thief_of_the_cookie_plants_no_form_that_its_user_sends(alice: User, bob: User) -> None:
    alice_client = signed_in(alice, seconds_ago=3600)
    thief, path = thief_of(alice_client), f"/gebruikers/{bob.pk}/rechten/"
    planted = thief.post(path, {"rights": ["manage_provider"], "expected": ""})
    assert planted["Location"].startswith("/bevestigen/?next=")
    lure = f"/bevestigen/?{urlencode({'next': path})}"
    assert alice_client.post(lure, {"current_password": PASSWORD, "next": path})["Location"] == path
    (form_id,) = alice_client.session["pending_forms"]
    page = alice_client.get(f"/bevestigen/verder/?{urlencode({'next': path, 'form': form_id})}")
    assert page["Location"] == "/"
    assert thief.get("/profiel/").status_code == 302  # re-authentication continued under another key


def test_agreeing_wants_the_recent_sign_in_that_the_program_asked_for(alice: User, bob: User) -> None:
    program = make_application(alice)
    proofless = f"{URL}?{urlencode(asked(program, prompt='login'))}"
    assert signed_in(bob).post(proofless)["Location"].startswith("/bevestigen/?next="), "it always wants a new proof"
    for wish, seconds in ({"max_age": "120"}, 120), ({"max_age": "0"}, 60):
        address = f"{URL}?{urlencode(asked(program, prompt='consent') | wish)}"
        late = signed_in(bob, seconds_ago=seconds + 301)
        assert allow(late, address)["Location"].startswith("/bevestigen/?next=")
        assert not Consent.objects.exists()
        read = signed_in(bob, seconds_ago=seconds + 290)  # after reading the page first
        assert "code" in told(allow(read, address))
        Consent.objects.all().delete()


def test_a_found_security_key_confirms_no_session_of_a_portal(bob: User) -> None:
    key = SoftKey()
    assert make(signed_in(bob), key).status_code == 200
    bob.refresh_from_db()
    key.flags = 0x01  # touched, but without its PIN
    portals = by_sso(bob)
    assert send(portals, f"{SHOW}begin/").json()["userVerification"] == "required"
    assert show(portals, key).status_code == 400
    assert portals.get("/profiel/")["Location"].startswith("/inloggen/code/")
    key.flags = 0x05
    assert show(portals, key).status_code == 200
    assert portals.get("/profiel/wachtwoord/").status_code == 200
