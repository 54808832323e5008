"""Concurrent requests: a repeated request creates one object, and one of two edits of a version is refused."""

import threading
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.http import HttpResponse
from django.utils import timezone

from accounts.models import Provider, User
from audit.models import Event
from oauth.models import IdempotentResponse
from permissions.models import Team
from tests.helpers.api_client import Program, program
from tests.helpers.responses import ClientResponse
from tests.helpers.users import make_user

BODY = {
    "personalDetails": {"initials": "P.", "lastName": "Boer"},
    "contactInformation": {"emailAddress": "p@devries.example"},
    "destinationForSecret": "0612345678",
}


def at_once(*calls: Any) -> list[HttpResponse]:
    """Return the responses to simultaneous calls, each on its own connection."""
    barrier, answers = threading.Barrier(len(calls)), []

    def run(call: Any) -> None:
        barrier.wait()
        answers.append(call())
        connection.close()

    threads = [threading.Thread(target=run, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def invite(calls: Program, office: Provider, key: str, **changes: Any) -> ClientResponse:
    return calls.call("POST", f"/providers/{office.pk}/users/invite", BODY | changes, Idempotency_Key=key)


@pytest.mark.django_db(transaction=True)
def test_two_with_one_key_make_one(alice: User, office: Provider) -> None:
    calls = program(alice)
    answers = at_once(*[lambda: invite(calls, office, "een")] * 4)
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert User.objects.filter(last_name="Boer").count() == 1
    assert Event.objects.filter(verb="invitation_sent").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_changes_on_one_version_one_is_refused(alice: User, office: Provider) -> None:
    team = Team.objects.create(provider=office, name="Loon")
    calls, path = program(alice), f"/providers/teams/{team.pk}"
    etag = calls.get(path).headers["ETag"]

    def rename(name: str) -> ClientResponse:
        body = {"description": name, "twoFactorAuthenticationRequired": False}
        return calls.call("PUT", path, body, If_Match=etag)

    answers = at_once(lambda: rename("Een"), lambda: rename("Twee"), lambda: rename("Drie"))
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]
    (good,) = (answer for answer in answers if answer.status_code == 200)
    team.refresh_from_db()
    assert team.name == good.json()["content"]["description"]
    assert good.headers["ETag"] == f'"{team.version}"'
    assert Event.objects.filter(verb="team_changed").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_changes_of_rights_one_is_refused(alice: User, office: Provider) -> None:
    piet = make_user(office, username="piet", email="piet@x.example")
    calls, path = program(alice), f"/providers/users/{piet.pk}/authorizations"
    etag = calls.get(path).headers["ETag"]

    def give(key: str) -> ClientResponse:
        return calls.call("PATCH", path, {"authorizations": [{"code": key}]}, If_Match=etag)

    answers = at_once(lambda: give("view_users"), lambda: give("view_teams"))
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    assert Event.objects.filter(verb="rights_changed").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_changes_of_signals_one_is_refused(alice: User, bob: User) -> None:
    calls, path = program(alice), f"/providers/users/{bob.pk}/notificationsettings"
    etag = calls.get(path).headers["ETag"]

    def choose(key: str) -> ClientResponse:
        body = {"notifications": [{"notificationType": {"key": key}, "isEnabled": False}]}
        return calls.call("PATCH", path, body, If_Match=etag)

    answers = at_once(lambda: choose("birthday"), lambda: choose("appraisal"))
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    assert Event.objects.filter(verb="signals_changed").count() == 1


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_who_is_erased_by_two_is_erased_once_and_changes_no_more(alice: User, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(blocked_at=timezone.now() - timedelta(days=800))
    calls, path = program(alice), f"/providers/users/{bob.pk}"
    signals = {"notifications": [{"notificationType": {"key": "birthday"}, "isEnabled": False}]}
    erased = [lambda: calls.call("DELETE", path)] * 2
    *answers, changed = at_once(*erased, lambda: calls.call("PATCH", f"{path}/notificationsettings", signals))
    assert {answer.status_code for answer in [*answers, changed]} <= {200, 404}
    assert Event.objects.filter(verb="user_erased").count() == 1
    assert calls.get(path).status_code == 404


@pytest.mark.slow
@pytest.mark.django_db
def test_the_same_key_gives_the_same_answer_until_it_is_forgotten(alice: User, office: Provider) -> None:
    calls = program(alice)
    first = invite(calls, office, "een")
    again = invite(calls, office, "een")
    assert (again.status_code, again.content, again.headers["ETag"]) == (201, first.content, first.headers["ETag"])
    other = invite(calls, office, "een", destinationForSecret="0687654321")
    assert (other.status_code, other.json()["messages"][0]["field"]) == (422, "Idempotency-Key")
    with time_machine.travel(timezone.now() + timedelta(hours=24, minutes=1)):
        assert invite(program(alice), office, "een").json()["content"]["id"] != first.json()["content"]["id"]
    assert IdempotentResponse.objects.count() == 1


@pytest.mark.django_db
def test_a_key_is_of_one_user_and_one_address(alice: User, charlie: User, office: Provider) -> None:
    invite(program(alice), office, "een")
    assert invite(program(charlie), charlie.provider, "een").status_code == 201
    path = f"/providers/{office.pk}/teams"
    assert program(alice).call("POST", path, {"description": "Loon"}, Idempotency_Key="een").status_code == 201
    assert User.objects.filter(last_name="Boer").count() == 2


@pytest.mark.django_db
def test_a_refusal_is_not_kept(alice: User, office: Provider) -> None:
    calls = program(alice)
    assert invite(calls, office, "een", destinationForSecret="12345").status_code == 400
    assert not IdempotentResponse.objects.exists()
    assert invite(calls, office, "een").status_code == 201


@pytest.mark.django_db
def test_what_is_kept_cannot_be_read(alice: User, office: Provider) -> None:
    body = {
        "loginMethod": {"key": 3},
        "personalDetails": {"initials": "K.", "lastName": "Dienst"},
        "contactInformation": {"emailAddress": "geheim-adres@devries.example"},
        "ssoAccount": {"userName": "dienst", "password": "Regenboog-17"},
    }
    calls = program(alice)
    assert calls.call("POST", f"/providers/{office.pk}/users", body, Idempotency_Key="sleutel").status_code == 201
    ticket = calls.call("POST", "/sso/tickets", {}, Idempotency_Key="kaartje").json()["content"]["url"]
    for row in IdempotentResponse.objects.values():
        stored = repr({name: bytes(value) if isinstance(value, memoryview) else value for name, value in row.items()})
        assert not [
            word for word in ("geheim-adres", "Regenboog", "sleutel", "kaartje", ticket[-40:]) if word in stored
        ]


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "é"])
def test_invalid_idempotency_key_is_refused(key: str, alice: User, office: Provider) -> None:
    response = invite(program(alice), office, key)
    assert (response.status_code, response.json()["messages"][0]["field"]) == (400, "Idempotency-Key")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("*", 200),
        ('"{}"', 200),
        ('"1"', 412),
        ('"2"', 412),
        ('"01"', 412),
        ("1", 400),
        ('W/"1"', 412),
        ('W/"{}"', 412),
        ('"1", "{}"', 200),
        ('"1","2"', 412),
        ('"1" "2"', 400),
        ("", 400),
        ('"1', 400),
    ],
)
def test_if_match_is_compared_with_the_etag(header: str, status: int, alice: User, bob: User) -> None:
    calls, path = program(alice), f"/providers/users/{bob.pk}"
    etag = calls.get(path).headers["ETag"].strip('"')
    response = calls.call("PATCH", path, {"action": "Block"}, If_Match=header.format(etag))
    assert response.status_code == status
    bob.refresh_from_db()
    assert (bob.blocked_at is not None) is (status == 200)
    if status == 412:
        assert response.json()["messages"][0]["field"] == "If-Match"


@pytest.mark.slow
@pytest.mark.django_db
def test_every_single_thing_has_an_etag_that_its_change_asks_for(alice: User, bob: User, office: Provider) -> None:
    team = Team.objects.create(provider=office, name="Loon")
    person = {"initials": "B.", "lastName": "Bakker"}
    contact = {"emailAddress": bob.email}
    put = {"personalDetails": person, "contactInformation": contact, "hasAccessToPayrollingTestData": True}
    own = {
        "personalDetails": {"initials": "A.", "lastName": "Vries", "prefix": None},
        "contactInformation": {"emailAddress": alice.email},
    }
    rights = {"authorizations": [{"code": "view_users"}]}
    calls = program(alice)
    for method, path, body in [
        ("PUT", f"/providers/users/{bob.pk}", put),
        ("PATCH", f"/providers/users/{bob.pk}/authorizations", rights),
        ("PUT", "/user", own),
        ("PUT", f"/providers/teams/{team.pk}", {"description": "Zuid", "twoFactorAuthenticationRequired": False}),
        ("PATCH", f"/providers/teams/{team.pk}/members", {"add": [{"id": str(bob.pk)}]}),
        ("PATCH", f"/providers/teams/{team.pk}/authorizations", {"authorizations": [{"code": "view_teams"}]}),
        ("DELETE", f"/providers/teams/{team.pk}", None),
    ]:
        etag = calls.get(path).headers["ETag"]
        assert calls.call(method, path, body, If_Match='"0"').status_code == 412, path
        changed = calls.call(method, path, body, If_Match=etag)
        assert changed.status_code in (200, 202), changed.content
        if method != "DELETE":
            assert changed.headers["ETag"] == calls.get(path).headers["ETag"] != etag
            assert calls.call(method, path, body, If_Match=etag).status_code == 412, path
