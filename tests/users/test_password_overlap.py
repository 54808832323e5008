"""The previous password of a webservice user, which works beside the new one until programs have switched."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from io import StringIO
from typing import Any
from unittest.mock import patch

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

import users.actions
import users.change_login_method
import users.jobs
from accounts import passwords
from accounts.models import Provider, User
from audit.models import Event, Verb
from core.errors import EditConflict
from permissions.checks import Right
from tests.helpers.api_client import machine, program
from tests.helpers.login_methods import GOOD, confirmed, make_azure, make_service
from tests.helpers.users import PASSWORD, actor, make_user
from tests.oauth.test_client_credentials import basic
from users import password_overlap
from users.login_methods import set_password

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def service(office: Provider, alice: User) -> User:
    return make_service(office)


def rotate(service: User, alice: User, password: str = GOOD, until: datetime | None = None) -> User:
    return set_password(service, password=password, overlap_until=until or timezone.now() + DAY, by=actor(alice))


def token_status(password: str) -> int:
    headers = basic("dienst 1", password)
    return Client().post("/oauth/token/", {"grant_type": "client_credentials"}, headers=headers).status_code


def token() -> str:
    headers = basic("dienst 1", PASSWORD)
    answer = Client().post("/oauth/token/", {"grant_type": "client_credentials"}, headers=headers)
    return str(answer.json()["access_token"])


def test_both_work_until_the_moment_that_was_chosen(service: User, alice: User) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        before = token()
        rotate(service, alice)
        assert [token_status(password) for password in (GOOD, PASSWORD, "Iets-anders-9")] == [200, 200, 401]
        headers = {"Authorization": f"Bearer {before}", "Accept": "application/json;version=2018-01-01"}
        assert Client().get("/v2/user", headers=headers).status_code == 200, "a running program goes on"
        event = Event.objects.get(verb=Verb.PASSWORD_CHANGED)
        assert event.changes == {"previous_password_until": [None, (timezone.now() + DAY).isoformat()]}
        clock.shift(DAY)
        assert [token_status(password) for password in (GOOD, PASSWORD)] == [200, 401], "also before the job ran"
        assert User.objects.get(pk=service.pk).previous_password
        assert password_overlap.end_expired() == 1
        assert password_overlap.end_expired() == 0
    service.refresh_from_db()
    assert (service.previous_password, service.previous_password_until) == ("", None)
    ended = Event.objects.get(verb=Verb.PREVIOUS_PASSWORD_ENDED)
    assert (ended.target_id, ended.origin) == (service.pk, "scheduled")
    assert token_status(GOOD) == 200
    assert password_overlap.end_expired in [job.function for job in users.jobs.JOBS]


@pytest.fixture
def verifications() -> Iterator[list[str]]:
    """Each computation of a password hash."""
    found: list[str] = []
    compute, check = passwords.hash_secret, passwords.check_password
    with (
        patch.object(passwords, "hash_secret", lambda *args: (found.append("hash"), compute(*args))[1]),
        patch.object(passwords, "check_password", lambda *args: (found.append("check"), check(*args))[1]),
    ):
        yield found


def test_a_refusal_takes_one_verification(service: User, alice: User, verifications: list[str]) -> None:
    """Rule 3: the time of an answer does not tell that there are two passwords."""
    rotate(service, alice)
    for password in (GOOD, PASSWORD, "Iets-anders-9"):
        verifications.clear()
        token_status(password)
        assert len(verifications) == 1, password


def test_a_blocked_user_is_refused_with_both(service: User, alice: User) -> None:
    rotate(service, alice)
    users.actions.block_user(service, by=actor(alice))
    assert [token_status(password) for password in (GOOD, PASSWORD)] == [401, 401]


def test_only_the_last_one_overlaps_and_a_plain_change_ends_all(service: User, alice: User) -> None:
    rotate(service, alice)
    service.refresh_from_db()
    rotate(service, alice, "Derde-woord-33x")
    assert [token_status(password) for password in ("Derde-woord-33x", GOOD, PASSWORD)] == [200, 200, 401]
    service.refresh_from_db()
    version = service.session_version
    set_password(service, password="Vierde-woord-4x", by=actor(alice))
    assert [token_status(password) for password in ("Vierde-woord-4x", "Derde-woord-33x", GOOD)] == [200, 401, 401]
    service.refresh_from_db()
    assert service.session_version == version + 1


def test_the_moment_is_within_a_week_and_the_password_is_new(service: User, alice: User) -> None:
    now = timezone.now()
    for until in (now - DAY, now, now + timedelta(days=8)):
        with pytest.raises(ValidationError) as refused:
            rotate(service, alice, until=until)
        assert refused.value.error_list[0].code == "overlap"
    with pytest.raises(ValidationError) as refused:
        rotate(service, alice, PASSWORD)
    assert refused.value.error_list[0].code == "same"
    assert not Event.objects.filter(verb=Verb.PASSWORD_CHANGED).exists()


def test_only_webservice_users_have_one(office: Provider, alice: User, bob: User, service: User) -> None:
    azure = make_azure(office)
    for user in (bob, azure):
        with pytest.raises(ValidationError, match="alleen"):
            rotate(user, alice)
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=bob.pk).update(previous_password=bob.password, previous_password_until=timezone.now())
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=service.pk).update(previous_password=service.password)
    rotate(service, alice)
    users.change_login_method.change_to_azure(
        service, tenant=azure.external_tenant, external_user_id="6f1d7a52-38c4-4f0e-9b57-2a6f0c1f8e11",
        username=None, by=actor(alice),
    )  # fmt: skip
    assert User.objects.get(pk=service.pk).previous_password == ""


@pytest.mark.slow
def test_the_page_offers_periods_and_ends_it_early(alice: User, service: User) -> None:
    client = confirmed(alice)
    url, detail = f"/gebruikers/{service.pk}/wachtwoord/", f"/gebruikers/{service.pk}/"
    page = client.get(url)
    assert "werkt nog 24 uur" in page.text
    form = {"password": GOOD, "password_again": GOOD, "before": page.context["form"]["before"].value()}
    assert client.post(url, form | {"hours": "999"}).status_code == 200
    assert client.post(url, form | {"hours": "24"}).status_code == 302
    assert client.post(url, form | {"hours": "24"}).status_code == 302, "a double click"
    assert Event.objects.filter(verb=Verb.PASSWORD_CHANGED).count() == 1
    assert [token_status(password) for password in (GOOD, PASSWORD)] == [200, 200]
    shown = client.get(detail)
    assert "Het vorige wachtwoord werkt ook nog" in shown.text
    same = {"password": GOOD, "password_again": GOOD, "hours": "24"}
    again = client.get(url).context["form"]["before"].value()
    assert "Dit is al het wachtwoord" in client.post(url, same | {"before": again}).text
    assert client.get(f"{url}vorige-beeindigen/").status_code == 405
    for _time in range(2):
        assert client.post(f"{url}vorige-beeindigen/")["Location"] == detail
    assert Event.objects.filter(verb=Verb.PREVIOUS_PASSWORD_ENDED).count() == 1
    assert [token_status(password) for password in (GOOD, PASSWORD)] == [200, 401]
    history = client.get("/historie/").text
    assert "vorige wachtwoord" in history


def test_ending_it_early_ends_what_it_gave_access_to(service: User, alice: User) -> None:
    """A password that leaked is ended early: what was obtained with it must not live on."""
    rotate(service, alice)
    headers = {"Authorization": f"Bearer {token()}", "Accept": "application/json;version=2018-01-01"}
    assert Client().get("/v2/user", headers=headers).status_code == 200
    service.refresh_from_db()
    assert password_overlap.end_previous_password(service, by=actor(alice))
    assert Client().get("/v2/user", headers=headers).status_code == 401
    assert token_status(GOOD) == 200


def test_who_may_not_set_it_may_not_end_it(office: Provider, alice: User, bob_client: Client, service: User) -> None:
    rotate(service, alice)
    assert bob_client.post(f"/gebruikers/{service.pk}/wachtwoord/vorige-beeindigen/").status_code == 403
    service.refresh_from_db()
    weak = make_user(office, Right.MANAGE_USERS, username="zwak", email="z@x.example")
    strong = make_service(office, username="sterk")
    strong.individual_rights.create(provider=office, right="manage_teams")
    rotate(strong, alice)
    strong.refresh_from_db()
    with pytest.raises(PermissionDenied):
        password_overlap.end_previous_password(strong, by=actor(weak))
    assert password_overlap.end_previous_password(service, by=actor(weak))


def test_a_job_that_read_the_old_one_leaves_the_next(service: User, alice: User) -> None:
    rotate(service, alice)
    read = User.objects.get(pk=service.pk)
    rotate(User.objects.get(pk=service.pk), alice, "Derde-woord-33x")
    assert not password_overlap.end_previous_password(read, by=actor())
    assert [token_status(password) for password in ("Derde-woord-33x", GOOD)] == [200, 200]


def test_of_two_rotations_of_one_password_one_is_refused(service: User, alice: User) -> None:
    read = User.objects.get(pk=service.pk)
    rotate(service, alice)
    with pytest.raises(EditConflict):
        rotate(read, alice, "Derde-woord-33x")


@pytest.mark.slow
def test_by_the_web_service(service: User, alice: User) -> None:
    calls, path = program(alice), f"/providers/users/{service.pk}/password"
    until = (timezone.now() + DAY).isoformat()
    etag = calls.get(f"/providers/users/{service.pk}").headers["ETag"]
    done = calls.call("PUT", path, {"password": GOOD, "previousPasswordValidUntil": until}, If_Match=etag)
    assert done.status_code == 200, done.content
    shown = datetime.fromisoformat(done.json()["content"]["previousPasswordValidUntil"])
    assert abs(shown - datetime.fromisoformat(until)) < timedelta(milliseconds=1)
    assert [token_status(password) for password in (GOOD, PASSWORD)] == [200, 200]
    assert calls.call("PUT", path, {"password": "Derde-woord-33x"}, If_Match=etag).status_code == 412
    refused: dict[str, Any] = {
        "previousPasswordValidUntil": (timezone.now() + 8 * DAY).isoformat(),
        "password": "kort-woord-kort-woord",
    }
    for field, value in refused.items():
        wrong = calls.call("PUT", path, {"password": "Derde-woord-33x", field: value})
        assert (wrong.status_code, wrong.json()["messages"][0]["field"]) == (400, field)
    for value in ("2027-01-01T10:00:00", "x", "2027-13-01", True):
        wrong = calls.call("PUT", path, {"password": "Derde-woord-33x", "previousPasswordValidUntil": value})
        assert (wrong.status_code, "tijdzone" in wrong.json()["messages"][0]["description"]) == (400, True), value
    act = {"action": "EndPreviousPassword"}
    assert calls.call("PATCH", f"/providers/users/{service.pk}", act).status_code == 200
    assert [token_status(password) for password in (GOOD, PASSWORD)] == [200, 401]
    by_machine = machine(alice).call("PUT", path, {"password": "Derde-woord-33x"})
    assert (by_machine.status_code, by_machine.json()["messages"][0]["reason"]) == (403, "proof_interactive")
    kind = calls.call("PUT", f"/providers/users/{make_azure(alice.office).pk}/password", {"password": GOOD})
    assert (kind.status_code, kind.json()["messages"][0]["field"]) == (400, None)


def test_by_the_command(service: User, bob: User) -> None:
    output = StringIO()
    until = timezone.localtime(timezone.now() + DAY).replace(tzinfo=None).isoformat()
    call_command("set_webservice_password", "DIENST 1", "--previous-until", until, stdout=output)
    new = output.getvalue().strip().removeprefix("Password: ")
    assert [token_status(password) for password in (new, PASSWORD)] == [200, 200]
    call_command("set_webservice_password", "dienst 1", stdout=output)
    assert [token_status(password) for password in (new, PASSWORD)] == [401, 401]
    for name, moment, text in [
        ("bob", until, "No SSO/Webservice user"),
        ("niemand", until, "No SSO/Webservice user"),
        ("dienst 1", "x", "takes a moment"),
        ("dienst 1", "2027-13-41T99:00", "takes a moment"),
        ("dienst 1", "2099-01-01T00:00", "at most 7 days"),
    ]:
        with pytest.raises(CommandError, match=text):
            call_command("set_webservice_password", name, "--previous-until", moment, stdout=output)
