"""How much may be sent in and wait for the worker, of a user and of an office; the web process reads none of it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import Provider, User
from bulk import limits, reading, running
from bulk.models import Operation
from signin.throttle import Throttled
from teams.rights import Right
from tests.importing import SERVICE, file_of
from tests.kinds import confirmed
from tests.people import make_user

pytestmark = pytest.mark.django_db
UPLOADS = ("bulk:upload", "bulk:upload_teams")


def post(client: Client, name: str = "bulk:upload", content: bytes | None = None) -> HttpResponse:
    """Send a file in."""
    file = SimpleUploadedFile("mensen.csv", file_of(SERVICE).getvalue() if content is None else content)
    return client.post(reverse(name), {"file": file})


def managers(office: Provider, count: int) -> Iterator[Client]:
    for number in range(count):
        yield confirmed(make_user(office, Right.MANAGE_PROVIDER, username=f"beheer {number}"))


@pytest.mark.parametrize("name", UPLOADS)
@pytest.mark.parametrize("content", [b"PK\x03\x04" + bytes(50), b"a;b\n1;2\n", b"{}", b"naam\nNoord\n"])
def test_nothing_of_a_file_is_read_in_the_web_process(
    office: Provider, alice: User, monkeypatch: Any, name: str, content: bytes
) -> None:
    def reads(*_args: object, **_options: object) -> None:
        raise AssertionError("the web process reads a file")

    client = confirmed(alice)
    with monkeypatch.context() as patch:
        for module in ("bulk.people", "bulk.team_files", "bulk.results.reading"):
            patch.setattr(f"{module}.rows", reads)
        patch.setattr("bulk.workbooks.names", reads)
        assert post(client, name, content).status_code == 302
        plan = Operation.objects.get()
        assert plan.state == Operation.State.WANTED
        space = "bulk:teams_" if plan.is_about_teams else "bulk:"
        assert client.get(reverse(f"{space}plan", args=[plan.pk]))["Refresh"] == "1"
    running.run_due()
    with monkeypatch.context() as patch:
        patch.setattr(reading, "rows", reads)
        client.get(reverse("bulk:faulty", args=[plan.pk]))
        assert client.post(reverse(f"{space}plan_again", args=[plan.pk])).status_code == 302


@pytest.mark.parametrize("name", UPLOADS)
def test_a_user_has_three_at_the_worker(office: Provider, alice: User, name: str) -> None:
    client = confirmed(alice)
    for _number in range(limits.MAX_WAITING_OF_USER):
        assert post(client, name).status_code == 302
    response = post(client, name)
    assert response.status_code == 429
    assert response["Retry-After"] == "10"
    assert "Probeer het opnieuw zodra" in response.text
    assert response.text.count("mensen.csv") == limits.MAX_WAITING_OF_USER, "they are listed"
    assert Operation.objects.count() == limits.MAX_WAITING_OF_USER
    assert running.run_due() == limits.MAX_WAITING_OF_USER, "nothing is lost"
    assert post(client, name).status_code == 302


def test_an_office_has_ten_at_the_worker(office: Provider, charlie: User) -> None:
    clients = list(managers(office, 4))
    answers = [post(client).status_code for client in clients for _number in range(limits.MAX_WAITING_OF_USER)]
    assert answers == [302] * limits.MAX_WAITING_OF_OFFICE + [429] * 2
    assert post(confirmed(charlie)).status_code == 302, "another office has its own"


def test_a_plan_that_cannot_be_asked_now_is_not_lost(office: Provider, alice: User) -> None:
    client = confirmed(alice)
    post(client)
    running.run_due()
    plan = Operation.objects.get()
    for _number in range(limits.MAX_WAITING_OF_USER):
        post(client)
    for name in ("plan", "plan_again"):
        response = client.post(reverse(f"bulk:{name}", args=[plan.pk]))
        assert response.status_code == 429
        assert "Niet nu." in response.text
        assert "Dit plan uitvoeren" in response.text
    running.run_due()
    assert client.post(reverse("bulk:plan", args=[plan.pk])).status_code == 302
    plan.refresh_from_db()
    assert plan.state == Operation.State.ASKED


def test_a_selection_and_an_undoing_count_as_well(office: Provider, alice: User, bob: User) -> None:
    client = confirmed(alice)
    for _number in range(limits.SENT_BY_USER.burst):
        limits.charge(alice)
    response = client.post(f"{reverse('bulk:several')}?users={bob.pk}", {"act": "block"})
    assert response.status_code == 429
    assert int(response["Retry-After"]) <= 30
    assert 'value="block"' in response.text
    assert "checked" in response.text, "what was chosen is kept"
    assert post(client).status_code == 429
    assert not Operation.objects.exists()


def test_an_office_sends_in_so_often(office: Provider, alice: User, charlie: User) -> None:
    for number in range(limits.SENT_BY_OFFICE.burst):
        limits.charge(User(pk=f"00000000-0000-0000-0000-{number:012d}", provider=office))
    with pytest.raises(Throttled):
        limits.charge(alice)
    limits.charge(charlie)


@pytest.mark.django_db(transaction=True)
def test_requests_at_the_same_moment_are_counted_one_by_one(office: Provider, alice: User) -> None:
    def send(_number: int) -> int:
        try:
            return post(confirmed(alice)).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(send, range(8)))
    assert answers == [302] * limits.MAX_WAITING_OF_USER + [429] * (8 - limits.MAX_WAITING_OF_USER)
