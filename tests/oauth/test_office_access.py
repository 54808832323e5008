"""What an office decides about an integration: consent for all its users, and the teams that may use it."""

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, transaction
from django.test import Client

import oauth.applications
import teams.actions
from accounts.models import Provider, User
from audit.models import Event, Verb
from history import erasure
from oauth import consents, office_decisions
from oauth.applications import ApplicationDetails
from oauth.models import (
    AccessToken,
    Application,
    AuthorizationCode,
    ClientSession,
    Consent,
    OfficeAccess,
    OfficeAccessTeam,
    RefreshToken,
    SsoTicket,
)
from permissions.checks import Right
from permissions.models import Team, TeamMember
from tests.helpers.access_tokens import bearing, token_of
from tests.helpers.api_client import program as api_program
from tests.helpers.login_methods import confirmed
from tests.helpers.users import actor, make_user, signed_in
from tests.oauth.test_authorization_code import ALL, BACK, SECRET, make_application
from tests.oauth.test_authorize import URL, asked, told
from tests.oauth.test_client_credentials import basic
from tests.oauth.test_secrets import CHALLENGE, VERIFIER, exchange
from tests.permissions.test_escalation import together

pytestmark = pytest.mark.django_db
LIST = "/kantoor/koppelingen/"


@pytest.fixture
def program(alice: User) -> Application:
    return make_application(alice)


@pytest.fixture
def partner() -> Application:
    """A partner's integration, for every office."""
    details = {"name": "Partner", "redirect_uris": [BACK], "post_logout_redirect_uris": [], "scopes": ALL}
    made = oauth.applications.register_application(None, details=details, by=actor())
    oauth.applications.set_client_secret(made, secret=SECRET, hours=0, version=made.version, by=actor())
    made.refresh_from_db()
    return made


@pytest.fixture
def loon(office: Provider) -> Team:
    return Team.objects.create(provider=office, name="Loon Noord")


def allow(program: Application, by: User) -> None:
    """Consent to the scopes of `program` for the whole office of `by`."""
    office_decisions.grant_office_consent(program, provider=by.office, version=program.version, by=actor(by))


def assign(program: Application, by: User, *chosen: Team) -> None:
    version = OfficeAccess.objects.filter(application=program, provider=by.office).values_list("version").first()
    office_decisions.assign_to_teams(
        program, provider=by.office, teams=chosen, version=version[0] if version else 1, by=actor(by)
    )


def page_of(program: Application) -> str:
    return f"{LIST}{program.pk}/gebruikers/"


def code_of(response: Any) -> str:
    """Return the code in a redirect, or in the page that redirects."""
    address = response["Location"] if "Location" in response else response.text.split('content="0; url=')[1]
    return parse_qs(urlsplit(address.partition('"')[0].replace("&amp;", "&")).query)["code"][0]


def redeem(client: Client, program: Application, scope: str = "openid users:read") -> dict[str, Any]:
    """Sign in to `program` without seeing a page; return the tokens."""
    page = client.get(URL, asked(program, scope=scope, code_challenge=CHALLENGE, nonce="n-1"))
    data = {"code": code_of(page), "redirect_uri": BACK, "code_verifier": VERIFIER}
    answer = exchange(program, grant_type="authorization_code", **data)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.slow
@pytest.mark.parametrize("whose", ["program", "partner"])
def test_nobody_is_asked_once_an_administrator_consented(
    alice_client: Client, alice: User, bob: User, whose: str, request: pytest.FixtureRequest
) -> None:
    application: Application = request.getfixturevalue(whose)
    assert (
        f'href="{page_of(application)}"'
        in alice_client.get(LIST if whose == "partner" else f"{LIST}{application.pk}/").text
    )
    assert "vraagt elke gebruiker om toestemming" in alice_client.get(page_of(application)).text
    done = alice_client.post(f"{LIST}{application.pk}/toestaan/", {"version": application.version}, follow=True)
    assert "A. de Vries gaf toestemming" in done.text
    (event,) = Event.objects.filter(verb=Verb.OFFICE_CONSENT_GIVEN)
    assert (event.actor_id, event.target_id, event.provider_id) == (alice.pk, application.pk, alice.provider_id)
    assert event.changes == {"scopes": [None, application.scopes]}

    client = confirmed(bob)
    assert "code" in told(client.get(URL, asked(application, prompt="none")))
    assert client.get(URL, asked(application, prompt="consent")).text.count("Toestaan") >= 1
    found = redeem(client, application)
    assert found["id_token"]
    again = exchange(application, grant_type="refresh_token", refresh_token=found["refresh_token"])
    assert again.status_code == 200
    consent = Consent.objects.get(user=bob)
    assert (consent.scopes, consent.last_used_at is not None) == ([], True)
    page = client.get("/profiel/koppelingen/")
    assert "met toestemming van je kantoor" in page.text
    assert "Weten dat jij het bent" in page.text
    (row,) = api_program(alice).rows(f"/providers/users/{bob.pk}/integrations")
    assert (row["id"], row["scopes"]) == (str(application.pk), application.scopes)
    assert consents.revoke_consent(bob, consent.pk, by=actor(bob))
    assert not AccessToken.objects.filter(user=bob).exists()
    assert redeem(client, application)["access_token"], "the office still consents"


@pytest.mark.slow
def test_what_was_consented_to_is_what_was_shown(
    alice_client: Client, alice: User, bob: User, program: Application
) -> None:
    url = f"{LIST}{program.pk}/toestaan/"
    for version in (program.version - 1, "", "x"):
        assert "intussen" in alice_client.post(url, {"version": version}, follow=True).text
    assert not OfficeAccess.objects.exclude(scopes=[]).exists()
    allow(program, alice)
    allow(program, alice)
    assert Event.objects.filter(verb=Verb.OFFICE_CONSENT_GIVEN).count() == 1, "a double click"
    details = {"name": "Portaal", "redirect_uris": [BACK], "post_logout_redirect_uris": []}
    details["scopes"] = [*program.scopes, "teams:read"]
    oauth.applications.update_application(program, details=details, version=program.version, by=actor(alice))
    client = confirmed(bob)
    assert (
        told(client.get(URL, asked(program, prompt="none", scope="openid teams:read")))["error"] == "consent_required"
    )
    assert "code" in told(client.get(URL, asked(program, prompt="none", scope="openid users:read")))
    assert "Niet inbegrepen" in alice_client.get(page_of(program)).text
    program.refresh_from_db()
    alice_client.post(url, {"version": program.version})
    assert "code" in told(client.get(URL, asked(program, prompt="none", scope="openid teams:read")))


@pytest.mark.slow
def test_withdrawing_ends_what_rests_on_it_and_leaves_what_users_agreed_to(
    alice_client: Client, alice: User, bob: User, program: Application
) -> None:
    allow(program, alice)
    consents.grant_consent(bob, program, scopes=["openid"], by=actor(bob))
    by_office, by_self = redeem(confirmed(bob), program), redeem(confirmed(bob), program, "openid offline_access")
    alices = redeem(alice_client, program, "openid")
    waiting = code_of(confirmed(bob).get(URL, asked(program, scope="openid users:read", code_challenge=CHALLENGE)))
    page = alice_client.get(f"{LIST}{program.pk}/intrekken/")
    assert "Toestemming voor Portaal intrekken?" in page.text
    assert OfficeAccess.objects.get().scopes, "looking changes nothing"
    alice_client.post(f"{LIST}{program.pk}/intrekken/")
    alice_client.post(f"{LIST}{program.pk}/intrekken/")
    (event,) = Event.objects.filter(verb=Verb.OFFICE_CONSENT_WITHDRAWN)
    assert event.changes == {"scopes": [program.scopes, None]}

    def userinfo(token: dict[str, Any]) -> int:
        return Client().get("/oauth/userinfo/", headers=bearing(token["access_token"])).status_code

    assert [userinfo(token) for token in (by_office, by_self, alices)] == [401, 200, 401]
    answers = [
        exchange(program, grant_type="refresh_token", refresh_token=token["refresh_token"]).status_code
        for token in (by_office, by_self, alices)
    ]
    assert answers == [400, 200, 400]
    data = {"code": waiting, "redirect_uri": BACK, "code_verifier": VERIFIER}
    assert exchange(program, grant_type="authorization_code", **data).json()["error"] == "invalid_grant"
    assert list(Consent.objects.values_list("user", flat=True)) == [bob.pk]
    assert {session.user for session in ClientSession.objects.all()} == {bob}, "that of alice has ended"
    assert told(confirmed(alice).get(URL, asked(program, prompt="none")))["error"] == "consent_required"


def test_a_code_of_a_consent_that_was_withdrawn_brings_nothing(alice: User, bob: User, program: Application) -> None:
    """Also if it is redeemed in the very moment: the token is stored before or after, never in spite of it."""
    allow(program, alice)
    consents.grant_consent(bob, program, scopes=["openid"], by=actor(bob))
    code = code_of(confirmed(bob).get(URL, asked(program, scope="openid users:read", code_challenge=CHALLENGE)))
    OfficeAccess.objects.update(scopes=[], consented_at=None)
    data = {"code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
    assert exchange(program, grant_type="authorization_code", **data).json()["error"] == "invalid_grant"
    assert not AccessToken.objects.exists()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_withdrawing_and_redeeming_at_once(alice: User, bob: User, program: Application) -> None:
    data = {"redirect_uri": BACK, "code_verifier": VERIFIER}
    for _round in range(5):
        allow(program, alice)
        code = code_of(confirmed(bob).get(URL, asked(program, scope="openid users:read", code_challenge=CHALLENGE)))

        answer, withdrawn = together(
            lambda code=code: exchange(program, grant_type="authorization_code", code=code, **data),
            lambda: office_decisions.withdraw_office_consent(program, provider=alice.office, by=actor(alice)),
        )
        assert answer.status_code in (200, 400), answer
        assert withdrawn is True
        assert not AccessToken.objects.exists()
        assert not RefreshToken.objects.exists()
        assert not Consent.objects.exists()


def test_consent_for_others_takes_every_right(office: Provider, alice: User, program: Application) -> None:
    """Rule 5: without a consent page, the owner of the integration would act with an administrator's rights."""
    manager = make_user(office, Right.MANAGE_INTEGRATIONS, username="beheer", email="b@x.example")
    client = confirmed(manager)
    page = client.get(page_of(program))
    assert "Applicatiebeheer provider" in page.text
    assert "/toestaan/" not in page.text
    assert client.post(f"{LIST}{program.pk}/toestaan/", {"version": program.version}).status_code == 403
    plain = make_application(alice, scopes=["openid", "profile", "email"], name="Rooster")
    assert client.post(f"{LIST}{plain.pk}/toestaan/", {"version": plain.version}).status_code == 302
    assert OfficeAccess.objects.get(application=plain).consented_by == manager
    allow(program, alice)
    details: ApplicationDetails = {
        "name": "Portaal",
        "redirect_uris": [BACK],
        "post_logout_redirect_uris": [],
        "scopes": program.scopes,
    }
    with pytest.raises(PermissionDenied, match="Applicatiebeheer provider"):
        oauth.applications.update_application(
            program, details={**details, "redirect_uris": ["https://x.example/"]}, version=program.version,
            by=actor(manager),
        )  # fmt: skip
    oauth.applications.update_application(program, details=details, version=program.version, by=actor(manager))
    office_decisions.withdraw_office_consent(program, provider=office, by=actor(manager))


def test_a_manager_does_not_redirect_what_an_administrator_agreed_to(
    office: Provider, alice: User, program: Application
) -> None:
    """Rule 5: with a personal consent, no page stands between a link and a code with the administrator's rights."""
    evil = "https://evil.example/cb"
    manager = make_user(office, Right.MANAGE_INTEGRATIONS, username="beheer", email="b@x.example")
    page = f"{LIST}{program.pk}/"
    form = {"name": "Portaal", "redirect_uris": f"{BACK}\n{evil}", "scopes": ["openid", "users:read"],
            "authentication": "client_secret", "algorithm": "RS256"}  # fmt: skip
    consents.grant_consent(alice, program, scopes=["openid", "email"], by=actor(alice))
    consents.grant_consent(manager, program, scopes=["openid", "users:read"], by=actor(manager))
    details = {"name": "Portaal", "redirect_uris": [BACK], "post_logout_redirect_uris": [], "scopes": program.scopes}

    def renew(by: User) -> None:
        program.refresh_from_db()
        oauth.applications.set_client_secret(
            program, secret=f"{SECRET} {program.version}", hours=0, version=program.version, by=actor(by)
        )

    def move(*uris: str, by: User = manager, **change: Any) -> None:
        program.refresh_from_db()
        changed: Any = {**details, "redirect_uris": uris, **change}
        oauth.applications.update_application(program, details=changed, version=program.version, by=actor(by))

    move(BACK, "https://new.example/cb")  # of others, only who they are is known
    renew(manager)
    consents.grant_consent(alice, program, scopes=["openid", "users:read"], by=actor(alice))
    with pytest.raises(PermissionDenied, match="Applicatiebeheer provider"):
        move(BACK, evil)
    program.refresh_from_db()
    refused = confirmed(manager).post(page, form | {"version": program.version})
    assert refused.status_code == 403
    assert "Applicatiebeheer provider" in refused.text
    lured = confirmed(alice).get(URL, asked(program, scope="openid users:read", prompt="none", redirect_uri=evil))
    assert lured.status_code == 400
    for change in ({"authentication": "none"}, {"pkce_optional": True}):
        with pytest.raises(PermissionDenied, match="hoe zij bewijst wie zij is"):
            move(BACK, **change)
    with pytest.raises(PermissionDenied, match="hoe zij bewijst wie zij is"):
        renew(manager)
    move(BACK)  # fewer
    renew(alice)
    move(BACK, evil, by=alice)


def test_only_the_own_office_is_decided_for(
    alice: User, bob_client: Client, charlie: User, charlie_client: Client, program: Application, partner: Application
) -> None:
    pages = [(page_of(program), {}), (f"{LIST}{program.pk}/toestaan/", {"version": program.version}),
             (f"{LIST}{program.pk}/intrekken/", {})]  # fmt: skip
    for path, data in pages:
        assert charlie_client.post(path, data).status_code == 404
        assert bob_client.post(path, data).status_code == 403
    built_in = Application.objects.get_built_in()
    assert confirmed(alice).get(page_of(built_in)).status_code == 404
    with pytest.raises(PermissionDenied):
        office_decisions.grant_office_consent(
            partner, provider=charlie.office, version=partner.version, by=actor(alice)
        )
    allow(partner, alice)
    assert told(signed_in(charlie).get(URL, asked(partner, prompt="none")))["error"] == "consent_required"
    assert "A. de Vries" not in confirmed(charlie).get(page_of(partner)).text


def test_the_database_refuses_half_a_consent_and_a_team_of_another_office(
    alice: User, charlie: User, program: Application, partner: Application
) -> None:
    access = OfficeAccess.objects.create(provider=alice.office, application=partner)
    theirs = Team.objects.create(provider=charlie.office, name="Van hen")
    with pytest.raises(IntegrityError), transaction.atomic():
        OfficeAccess.objects.filter(pk=access.pk).update(scopes=["openid"])
    wrong = [
        OfficeAccessTeam(provider=alice.office, access=access, team=theirs),
        OfficeAccess(provider=alice.office, application=program, consented_by=charlie),
    ]
    for row in wrong:
        with pytest.raises(IntegrityError):
            store(row)


@transaction.atomic
def store(row: OfficeAccess | OfficeAccessTeam) -> None:
    row.save()
    connection.check_constraints()


def test_who_consented_may_leave(alice: User, bob: User, office: Provider, program: Application) -> None:
    gone = make_user(office, Right.MANAGE_PROVIDER, username="weg", email="w@x.example")
    allow(program, gone)
    User.objects.filter(pk=gone.pk).update(blocked_at="2020-01-01T00:00Z")
    gone.refresh_from_db()
    erasure.erase_user(gone, by=actor(alice))
    assert "code" in told(confirmed(bob).get(URL, asked(program, prompt="none")))
    assert "De toestemming is gegeven (" in confirmed(alice).get(page_of(program)).text


@pytest.mark.slow
@pytest.mark.parametrize("whose", ["program", "partner"])
def test_only_members_may_sign_in(
    alice_client: Client, alice: User, bob: User, loon: Team, whose: str, request: pytest.FixtureRequest
) -> None:
    application: Application = request.getfixturevalue(whose)
    consents.grant_consent(bob, application, scopes=["openid", "users:read"], by=actor(bob))
    before = redeem(confirmed(bob), application)
    waiting = code_of(confirmed(bob).get(URL, asked(application, code_challenge=CHALLENGE)))
    ticket = _make_ticket(bob, application)
    form = {"access": "teams", "teams": [str(loon.pk)], "version": 1}
    assert alice_client.post(page_of(application), form).status_code == 302
    (event,) = Event.objects.filter(verb=Verb.CLIENT_ASSIGNED)
    assert event.changes == {"teams": [None, ["Loon Noord"]]}

    client = confirmed(bob)
    for method in ("get", "post"):
        page = getattr(client, method)(URL, asked(application))
        assert page.status_code == 403
        assert f"Je kunt {application} niet gebruiken" in page.text
        assert "A. de Vries" in page.text, "it says whom to ask"
        silent = told(getattr(client, method)(URL, asked(application, prompt="none")))
        assert (silent["error"], silent["state"]) == ("access_denied", "s-1")
    agreed = client.post(f"{URL}?{urlencode(asked(application))}", {"shown_version": application.version})
    assert agreed.status_code == 403, "agreeing does not help"
    assert told(client.post(f"{URL}weigeren/?{urlencode(asked(application))}"))["error"] == "access_denied"
    assert f"{URL}account/?" in page.text
    assert Client().get("/oauth/userinfo/", headers=bearing(before["access_token"])).status_code == 401
    headers = basic(str(application.client_id), SECRET)
    looked = Client().post("/oauth/introspect/", {"token": before["access_token"]}, headers=headers)
    assert looked.json() == {"active": False}
    refreshed = exchange(application, grant_type="refresh_token", refresh_token=before["refresh_token"])
    assert refreshed.json()["error"] == "invalid_grant"
    data = {"code": waiting, "redirect_uri": BACK, "code_verifier": VERIFIER}
    assert exchange(application, grant_type="authorization_code", **data).json()["error"] == "invalid_grant"
    assert Client().post(ticket).status_code == 404

    TeamMember.objects.create(provider=bob.office, team=loon, user=bob)
    assert redeem(confirmed(bob), application)["access_token"]
    again = exchange(application, grant_type="refresh_token", refresh_token=before["refresh_token"])
    assert again.status_code == 200
    teams.actions.set_teams(bob, [], by=actor(alice))
    assert Client().get("/oauth/userinfo/", headers=bearing(again.json()["access_token"])).status_code == 401
    assert alice_client.post(page_of(application), {"access": "office", "version": 2}).status_code == 302
    assert redeem(confirmed(bob), application)["access_token"]


def _make_ticket(user: User, application: Application) -> str:
    token = token_of(user, "sso", application=application)
    made = Client().post(
        "/v2/sso/tickets", "{}", content_type="application/json",
        headers=bearing(token) | {"Accept": "application/json;version=2018-01-01"},
    )  # fmt: skip
    return str(urlsplit(made.json()["content"]["url"]).path)


def test_a_ticket_ends_with_the_consent(alice: User, bob: User, program: Application) -> None:
    consent = consents.grant_consent(bob, program, scopes=["sso"], by=actor(bob))
    kept, ticket = _make_ticket(alice, program), _make_ticket(bob, program)
    assert consents.revoke_consent(bob, consent.pk, by=actor(bob))
    assert [Client().post(path).status_code for path in (ticket, kept)] == [404, 302]


def test_an_integration_stays_closed_when_its_teams_are_gone(
    alice: User, bob: User, program: Application, loon: Team
) -> None:
    assign(program, alice, loon)
    teams.actions.delete_team(loon, version=loon.version, by=actor(alice))
    assert confirmed(bob).get(URL, asked(program)).status_code == 403
    assert told(confirmed(alice).get(URL, asked(program, prompt="none")))["error"] == "access_denied"


def test_teams_of_one_office_close_nothing_for_another(
    alice: User, charlie: User, partner: Application, loon: Team
) -> None:
    assign(partner, alice, loon)
    assert signed_in(charlie).get(URL, asked(partner)).status_code == 200
    foreign = {"access": "teams", "teams": [str(loon.pk)], "version": 1}
    assert "bestaat niet meer" in confirmed(charlie).post(page_of(partner), foreign).text


def test_of_two_administrators_one_is_told(alice_client: Client, alice: User, program: Application, loon: Team) -> None:
    form = {"access": "teams", "teams": [str(loon.pk)], "version": 1}
    alice_client.post(page_of(program), form)
    alice_client.post(page_of(program), form)
    assert Event.objects.filter(verb=Verb.CLIENT_ASSIGNED).count() == 1, "a double click"
    stale = alice_client.post(page_of(program), {"access": "office", "version": 1})
    assert "intussen" in stale.text
    assert "Kies minstens één team" in alice_client.post(page_of(program), {"access": "teams", "version": 2}).text
    assert OfficeAccess.objects.get().for_teams_only
    assert "wijzigde welke teams de koppeling Portaal" in alice_client.get("/historie/").text


def test_nothing_is_left_of_a_deleted_integration(alice: User, program: Application, loon: Team) -> None:
    allow(program, alice)
    assign(program, alice, loon)
    oauth.applications.delete_application(program, by=actor(alice))
    assert not OfficeAccess.objects.exists()
    assert not OfficeAccessTeam.objects.exists()
    assert not AuthorizationCode.objects.exists()
    assert not SsoTicket.objects.exists()
