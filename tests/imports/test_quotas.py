"""Quotas on submitted and waiting imports, per user and per office; the web process reads none of the files."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import Provider, User
from core.throttle import Throttled
from imports import quotas, runner
from imports.files import readers
from imports.models import ImportJob
from permissions.checks import Right
from tests.helpers.import_files import SERVICE, file_of
from tests.helpers.login_methods import confirmed
from tests.helpers.responses import ClientResponse
from tests.helpers.users import make_user

pytestmark = pytest.mark.django_db
UPLOADS = ("imports:upload_users", "imports:upload_teams")


def post(client: Client, name: str = "imports:upload_users", content: bytes | None = None) -> ClientResponse:
    """Upload a file."""
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
        for module in ("imports.files.user_rows", "imports.files.team_rows", "imports.files.result_files.readers"):
            patch.setattr(f"{module}.read_rows", reads)
        patch.setattr("imports.files.xlsx.list_sheet_names", reads)
        assert post(client, name, content).status_code == 302
        plan = ImportJob.objects.get()
        assert plan.state == ImportJob.State.PLAN_REQUESTED
        space = "imports:teams_" if plan.is_about_teams else "imports:"
        assert client.get(reverse(f"{space}plan", args=[plan.pk]))["Refresh"] == "1"
    runner.run_due_jobs()
    with monkeypatch.context() as patch:
        patch.setattr(readers, "read_rows", reads)
        client.get(reverse("imports:faulty_rows", args=[plan.pk]))
        assert client.post(reverse(f"{space}replan", args=[plan.pk])).status_code == 302


@pytest.mark.parametrize("name", UPLOADS)
def test_a_user_has_three_at_the_worker(office: Provider, alice: User, name: str) -> None:
    client = confirmed(alice)
    for _number in range(quotas.MAX_WAITING_JOBS_PER_USER):
        assert post(client, name).status_code == 302
    response = post(client, name)
    assert response.status_code == 429
    assert response["Retry-After"] == "10"
    assert "Probeer het opnieuw zodra" in response.text
    assert response.text.count("mensen.csv") == quotas.MAX_WAITING_JOBS_PER_USER, "they are listed"
    assert ImportJob.objects.count() == quotas.MAX_WAITING_JOBS_PER_USER
    assert runner.run_due_jobs() == quotas.MAX_WAITING_JOBS_PER_USER, "nothing is lost"
    assert post(client, name).status_code == 302


def test_an_office_has_ten_at_the_worker(office: Provider, charlie: User) -> None:
    clients = list(managers(office, 4))
    answers = [post(client).status_code for client in clients for _number in range(quotas.MAX_WAITING_JOBS_PER_USER)]
    assert answers == [302] * quotas.MAX_WAITING_JOBS_PER_OFFICE + [429] * 2
    assert post(confirmed(charlie)).status_code == 302, "another office has its own"


@pytest.mark.slow
def test_a_plan_that_cannot_be_asked_now_is_not_lost(office: Provider, alice: User) -> None:
    client = confirmed(alice)
    post(client)
    runner.run_due_jobs()
    plan = ImportJob.objects.get()
    for _number in range(quotas.MAX_WAITING_JOBS_PER_USER):
        post(client)
    for name in ("plan", "replan"):
        response = client.post(reverse(f"imports:{name}", args=[plan.pk]))
        assert response.status_code == 429
        assert "Niet nu." in response.text
        assert "Dit plan uitvoeren" in response.text
    runner.run_due_jobs()
    assert client.post(reverse("imports:plan", args=[plan.pk])).status_code == 302
    plan.refresh_from_db()
    assert plan.state == ImportJob.State.EXECUTION_REQUESTED


def test_a_selection_and_an_undoing_count_as_well(office: Provider, alice: User, bob: User) -> None:
    client = confirmed(alice)
    for _number in range(quotas.SUBMISSIONS_PER_USER.burst):
        quotas.count_submission(alice)
    response = client.post(f"{reverse('imports:bulk_action')}?users={bob.pk}", {"act": "block"})
    assert response.status_code == 429
    assert int(response["Retry-After"]) <= 30
    assert 'value="block"' in response.text
    assert "checked" in response.text, "what was chosen is kept"
    assert post(client).status_code == 429
    assert not ImportJob.objects.exists()


def test_an_office_sends_in_so_often(office: Provider, alice: User, charlie: User) -> None:
    for number in range(quotas.SUBMISSIONS_PER_OFFICE.burst):
        quotas.count_submission(User(pk=f"00000000-0000-0000-0000-{number:012d}", provider=office))
    with pytest.raises(Throttled):
        quotas.count_submission(alice)
    quotas.count_submission(charlie)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_requests_at_the_same_moment_are_counted_one_by_one(office: Provider, alice: User) -> None:
    def send(_number: int) -> int:
        try:
            return post(confirmed(alice)).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(send, range(8)))
    assert answers == [302] * quotas.MAX_WAITING_JOBS_PER_USER + [429] * (8 - quotas.MAX_WAITING_JOBS_PER_USER)
