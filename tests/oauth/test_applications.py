"""The integrations of the office."""

import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from io import StringIO
from threading import Thread
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import User
from audit.models import Event, Verb
from core import encryption
from oauth import applications, consents
from oauth.models import AccessToken, Application, Consent, RefreshToken, SsoTicket
from permissions.checks import Right
from permissions.models import IndividualRight
from tests.helpers.access_tokens import bearing, token_of
from tests.helpers.api_client import Program
from tests.helpers.consent import allow
from tests.helpers.login_methods import confirmed
from tests.helpers.responses import ClientResponse
from tests.helpers.users import actor, confirm_now
from tests.notifications.test_digests import WAITING, looking, until
from tests.oauth.test_authorization_code import BACK, SECRET, make_application
from tests.permissions.test_escalation import together

pytestmark = pytest.mark.django_db
LIST = "/kantoor/koppelingen/"
GOOD = {
    "name": "Portaal",
    "redirect_uris": BACK,
    "post_logout_redirect_uris": "",
    "scopes": ["openid", "sso"],
    "version": 0,
}


@pytest.fixture
def program(alice: User) -> Application:
    return make_application(alice)


def events(verb: Verb) -> list[Event]:
    return list(Event.objects.filter(verb=verb))


def test_new_application_is_registered(alice_client: Client, alice: User) -> None:
    response = alice_client.post(f"{LIST}nieuw/", GOOD)
    made = Application.objects.get()
    assert response["Location"] == f"{LIST}{made.pk}/"
    assert (made.provider, made.scopes, made.redirect_uris) == (alice.provider, ["openid", "sso"], BACK)
    assert made.client_secret == ""
    assert not made.check_secret("")
    (event,) = events(Verb.CLIENT_ADDED)
    assert (event.actor_id, event.target_id, event.changes["redirect_uris"]) == (alice.pk, made.pk, [None, BACK])
    page = alice_client.get(response["Location"])
    assert str(made.client_id) in page.text
    assert "Nog geen geheim" in page.text


def test_a_double_click_registers_one(alice_client: Client) -> None:
    assert {alice_client.post(f"{LIST}nieuw/", GOOD).status_code for _click in range(2)} == {302}
    assert Application.objects.count() == len(events(Verb.CLIENT_ADDED)) == 1
    other = alice_client.post(f"{LIST}nieuw/", GOOD | {"scopes": ["openid"]})
    assert "Er is al een koppeling met deze naam." in other.text


@pytest.mark.parametrize(
    "bad",
    [
        {"name": ""}, {"name": "x" * 51}, {"name": "\u202egnp"}, {"redirect_uris": ""}, {"redirect_uris": "http://x.example/"},
        {"redirect_uris": f"{BACK}\nhttps://*.example/"}, {"post_logout_redirect_uris": "javascript:1"}, {"scopes": []},
        {"scopes": ["alles"]}, {"redirect_uris": "\n".join(f"https://x.example/{number}" for number in range(11))},
    ],
)  # fmt: skip
def test_invalid_field_is_reported(alice_client: Client, bad: dict[str, Any]) -> None:
    page = alice_client.post(f"{LIST}nieuw/", GOOD | bad)
    assert page.status_code == 200
    assert set(page.context["form"].errors) == set(bad)
    assert not Application.objects.exists()


def new_secret(client: Client, program: Application, **change: Any) -> Any:
    url = f"{LIST}{program.pk}/geheim/"
    form = client.get(url).context["form"]
    return client.post(url, {name: form[name].value() for name in form.fields} | change)


def shown(response: Any) -> str:
    return re.search(r"<code>([\w-]{43})</code>", response.text)[1]


def test_a_secret_is_shown_once_and_two_work_for_a_while(alice: User, program: Application) -> None:
    client = confirmed(alice)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        response = new_secret(client, program, hours="24")
        secret = shown(response)
        assert "no-store" in response["Cache-Control"]
        program.refresh_from_db()
        assert program.check_secret(secret)
        assert program.check_secret(SECRET)
        assert secret not in str(Application.objects.values().get()) + str(list(Event.objects.values()))
        assert secret not in client.get(f"{LIST}{program.pk}/").text
        clock.shift(timedelta(hours=24))
        assert program.check_secret(secret)
        assert not program.check_secret(SECRET)


def test_the_old_secret_can_end_at_once(alice: User, program: Application) -> None:
    new_secret(confirmed(alice), program, hours="0")
    program.refresh_from_db()
    assert not program.check_secret(SECRET)


def test_a_double_click_makes_one_secret(alice: User, program: Application) -> None:
    client, url = confirmed(alice), f"{LIST}{program.pk}/geheim/"
    form = client.get(url).context["form"]
    data = {name: form[name].value() for name in form.fields}
    first, second = (shown(client.post(url, data)) for _click in range(2))
    assert first == second
    program.refresh_from_db()
    assert program.check_secret(SECRET)
    assert len(events(Verb.CLIENT_SECRET_MADE)) == 2  # the first was made by the fixture


def test_a_second_tab_makes_no_secret_after_the_first(alice: User, program: Application) -> None:
    client, url = confirmed(alice), f"{LIST}{program.pk}/geheim/"
    one, other = ({name: form[name].value() for name in form.fields} for form in _forms(client, url))
    shown(client.post(url, one))
    assert "Iemand anders heeft deze koppeling" in client.post(url, other).text
    assert "Open deze pagina opnieuw" in client.post(url, other | {"encrypted_secret": "00"}).text


def _forms(client: Client, url: str) -> list[Any]:
    return [client.get(url).context["form"] for _tab in range(2)]


def test_a_secret_asks_to_confirm_first(alice_client: Client, program: Application) -> None:
    confirm_now(alice_client, seconds_ago=301)
    assert alice_client.get(f"{LIST}{program.pk}/geheim/")["Location"].startswith("/bevestigen/")


def test_changes_are_saved_and_concurrent_ones_are_detected(alice_client: Client, program: Application) -> None:
    url = f"{LIST}{program.pk}/"
    data = GOOD | {
        "name": "Ander portaal",
        "version": program.version,
        "post_logout_redirect_uris": "https://x.example/",
    }
    assert alice_client.post(url, data)["Location"] == url
    stale = alice_client.post(url, data | {"name": "Weer anders"})
    assert "Iemand anders heeft deze koppeling" in stale.text
    program.refresh_from_db()
    assert (program.name, program.scopes) == ("Ander portaal", ["openid", "sso"])
    (event,) = events(Verb.CLIENT_CHANGED)
    assert event.changes["name"] == ["Portaal", "Ander portaal"]
    make_application(alice_client.get("/").wsgi_request.user, name="Tweede")
    page = alice_client.post(url, data | {"name": "Tweede", "version": program.version})
    assert set(page.context["form"].errors) == {"name"}


def test_a_scope_that_goes_is_gone_from_tokens_that_are_out(alice: User, bob: User, program: Application) -> None:
    headers = bearing(token_of(bob, "openid", "email", application=program))
    assert "email" in Client().get("/oauth/userinfo/", headers=headers).json()
    details = {"name": "Portaal", "redirect_uris": [BACK], "post_logout_redirect_uris": [], "scopes": ["openid"]}
    applications.update_application(program, details=details, version=program.version, by=actor(alice))
    assert set(Client().get("/oauth/userinfo/", headers=headers).json()) == {"sub"}


def test_switched_off_nothing_works_and_on_again_it_does(alice_client: Client, bob: User, program: Application) -> None:
    headers = bearing(token_of(bob, "openid", application=program))
    for path, status in (("uitzetten", 401), ("uitzetten", 401), ("aanzetten", 200)):
        assert alice_client.post(f"{LIST}{program.pk}/{path}/").status_code == 302
        assert Client().get("/oauth/userinfo/", headers=headers).status_code == status
    assert (len(events(Verb.CLIENT_SWITCHED_OFF)), len(events(Verb.CLIENT_SWITCHED_ON))) == (1, 1)


def test_removed_it_is_gone_with_what_people_allowed(alice_client: Client, bob: User, program: Application) -> None:
    consents.grant_consent(bob, program, scopes=["openid"], by=actor(bob))
    headers = bearing(token_of(bob, "openid", application=program))
    url = f"{LIST}{program.pk}/verwijderen/"
    assert "1 collega heeft het toegestaan" in alice_client.get(url).text
    assert alice_client.post(url)["Location"] == LIST
    assert Client().get("/oauth/userinfo/", headers=headers).status_code == 401
    assert not Application.objects.filter(pk=program.pk).exists()
    assert not Consent.objects.exists()
    assert not AccessToken.objects.exists()
    assert alice_client.post(url).status_code == 404
    (event,) = events(Verb.CLIENT_REMOVED)
    assert event.target_name == "Portaal"


def test_disabling_asks_and_names_the_consequences(alice_client: Client, bob: User, program: Application) -> None:
    consents.grant_consent(bob, program, scopes=["openid"], by=actor(bob))
    page = alice_client.get(f"{LIST}{program.pk}/uitzetten/").text
    assert "Portaal uitzetten?" in page
    assert "1 collega heeft het toegestaan" in page
    assert not events(Verb.CLIENT_SWITCHED_OFF)
    program.refresh_from_db()
    assert program.switched_off_at is None


PAGES = ["", "nieuw/", "{pk}/", "{pk}/geheim/", "{pk}/uitzetten/", "{pk}/verwijderen/"]
POSTS = ["{pk}/aanzetten/"]


@pytest.mark.slow
def test_strangers_find_nothing_and_colleagues_may_not(
    charlie_client: Client, bob_client: Client, program: Application
) -> None:
    for page in [*PAGES, *POSTS]:
        path = LIST + page.format(pk=program.pk)
        ask = "post" if page in POSTS else "get"
        assert getattr(bob_client, ask)(path).status_code == 403, path
        if "{pk}" in page:
            assert getattr(charlie_client, ask)(path).status_code in (302, 404), path
            assert charlie_client.post(path).status_code in (302, 404)
    assert "Portaal" not in charlie_client.get(LIST).text
    before = Application.objects.values().get()
    assert Application.objects.values().get() == before


def test_a_stranger_who_confirmed_finds_nothing_either(charlie: User, program: Application) -> None:
    assert confirmed(charlie).get(f"{LIST}{program.pk}/geheim/").status_code == 404


def test_the_right_is_enough_and_asked_for_by_the_actions(bob: User, program: Application) -> None:
    with pytest.raises(PermissionDenied):
        applications.set_application_enabled(program, enabled=False, by=actor(bob))
    with pytest.raises(PermissionDenied):
        applications.delete_application(program, by=actor(bob))
    IndividualRight.objects.create(provider=bob.provider, user=bob, right=Right.MANAGE_INTEGRATIONS)
    applications.set_application_enabled(program, enabled=False, by=actor(User.objects.get(pk=bob.pk)))


def test_list_is_sorted_by_name_and_paged(alice_client: Client, alice: User) -> None:
    rows = [Application(provider=alice.provider, name=f"P{number:03}", scopes=[]) for number in range(60)]
    Application.objects.bulk_create(rows)
    first = alice_client.get(LIST)
    assert (first.text.count('scope="row"'), "P000" in first.text, "P050" in first.text) == (50, True, False)
    assert "P059" in alice_client.get(LIST + first.context["next_url"]).text


def test_only_the_operator_creates_a_partner(alice: User, alice_client: Client) -> None:
    out = StringIO()
    call_command("add_partner", "Loonportaal", BACK, "--scope", "openid", stdout=out)
    secret = out.getvalue().split()[-1]
    partner = Application.objects.get(provider=None, name="Loonportaal")
    assert partner.check_secret(secret)
    assert f"Client ID: {partner.client_id}" in out.getvalue()
    assert f'{LIST}{partner.pk}/"' not in alice_client.get(LIST).text
    assert alice_client.get(f"{LIST}{partner.pk}/").status_code == 404
    for act in (
        lambda: applications.set_application_enabled(partner, enabled=False, by=actor(alice)),
        lambda: applications.delete_application(partner, by=actor(alice)),
    ):
        with pytest.raises(PermissionDenied):
            act()
    with pytest.raises(CommandError, match="https://"):
        call_command("add_partner", "Ander", "http://portaal.example/")


def during(removal: Callable[[], None], call: Callable[[], ClientResponse]) -> ClientResponse:
    """Return the response to `call`, which starts before `removal` is committed and has to wait for it."""
    answers: list[ClientResponse] = []

    def run() -> None:
        answers.append(call())
        connection.close()

    thread = Thread(target=run)
    with looking() as look:
        with transaction.atomic():
            removal()
            thread.start()
            until(lambda: look.execute(WAITING, ["%"]).fetchone() is not None)
        thread.join(20)
    return answers[0]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("path", "data", "status"),
    [
        ("", GOOD | {"version": 2}, 200), ("aanzetten/", {}, 302), ("uitzetten/", {}, 302),
        ("verwijderen/", {}, 302), ("geheim/", {"hours": "24", "version": "2"}, 200),
    ],
)  # fmt: skip
def test_who_changes_a_program_that_is_being_removed_hears_so(
    alice: User, program: Application, path: str, data: dict[str, Any], status: int
) -> None:
    browser, url = confirmed(alice), f"{LIST}{program.pk}/{path}"
    if path == "geheim/":
        data = data | {"encrypted_secret": browser.get(url).context["form"]["encrypted_secret"].value()}
    answer = during(
        lambda: applications.delete_application(program, by=actor(alice)),
        lambda: browser.post(url, data, HTTP_HOST="localhost"),
    )
    assert answer.status_code == status
    assert not Application.objects.exists()
    assert len(events(Verb.CLIENT_REMOVED)) == 1
    assert "Iemand anders" in (answer if status == 200 else browser.get(LIST)).content.decode() or "verw" in path


@pytest.mark.django_db(transaction=True)
def test_who_agrees_with_a_program_that_is_being_removed_hears_so(
    alice: User, bob: User, bob_client: Client, program: Application
) -> None:
    question = {
        "client_id": program.client_id, "response_type": "code", "redirect_uri": BACK, "scope": "openid",
        "code_challenge": "x" * 43, "code_challenge_method": "S256",
    }  # fmt: skip
    url = f"/oauth/authorize/?{urlencode(question)}"
    remove = partial(applications.delete_application, program, by=actor(alice))
    assert during(remove, lambda: allow(bob_client, url)).status_code == 404
    assert not Consent.objects.exists()
    assert not events(Verb.CONSENT_GIVEN)


@pytest.mark.django_db(transaction=True)
def test_tokens_are_asked_for_while_the_program_is_removed(alice: User, bob: User) -> None:
    """Whichever comes first, no request fails with an error and nothing is left."""
    for number in range(4):
        program = make_application(alice, name=f"Portaal {number}")
        consents.grant_consent(bob, program, scopes=["openid"], by=actor(bob))
        token = encryption.generate_token()
        access = AccessToken.objects.get(
            token_checksum=encryption.hash_token(token_of(bob, "openid", application=program))
        )
        refresh = RefreshToken(user=bob, application=program, access_token=access, token_family=uuid4())
        refresh._raw_token = token
        refresh.save()
        data = {
            "grant_type": "refresh_token", "refresh_token": token, "client_id": program.client_id,
            "client_secret": SECRET,
        }  # fmt: skip
        renew = partial(Client().post, "/oauth/token/", data)
        renewed, removed = together(renew, partial(applications.delete_application, program, by=actor(alice)))
        assert removed is None
        assert renewed.status_code in (200, 400, 401), renewed
    assert not Application.objects.exists()
    assert not AccessToken.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_who_asks_a_ticket_for_a_program_that_is_being_removed_is_refused(alice: User, program: Application) -> None:
    calls = Program(alice, token_of(alice, "sso", application=program))
    assert calls.call("POST", "/sso/tickets", {}).status_code == 201
    answer = during(
        lambda: applications.delete_application(program, by=actor(alice)),
        lambda: calls.call("POST", "/sso/tickets", {}),
    )
    assert answer.status_code == 401, answer.content
    assert not SsoTicket.objects.exists()
    assert len(events(Verb.TICKET_MADE)) == 1
