"""Importing in the browser."""

from datetime import timedelta
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

import teams.actions
from accounts.models import Provider, User
from audit.models import Event, EventOrigin
from imports import runner
from imports.models import ImportJob
from permissions.checks import Right
from tests.helpers.import_files import INVITED, SERVICE, file_of
from tests.helpers.login_methods import confirmed
from tests.helpers.users import actor, confirm_now, make_user

pytestmark = pytest.mark.django_db
PLACES = ("plan", "replan", "discard", "result", "faulty_rows", "revert")


def send(
    client: Client, *rows: dict[str, str], content: bytes | None = None, is_planned: bool = True, **fields: str
) -> ImportJob:
    """Send a file and have the worker plan it."""
    file = SimpleUploadedFile("mensen.csv", file_of(*rows).getvalue() if content is None else content)
    response = client.post(reverse("imports:upload_users"), {"file": file, "invite": "on"} | fields)
    assert response.status_code == 302, response.text
    upload = ImportJob.objects.latest("created_at")
    assert response["Location"] == reverse("imports:plan", args=[upload.pk])
    if is_planned:
        assert runner.run_due_jobs() == 1
        upload.refresh_from_db()
    return upload


def page(client: Client, upload: ImportJob, name: str = "plan") -> str:
    response = client.get(reverse(f"imports:{name}", args=[upload.pk]))
    assert response.status_code == 200
    return response.text


def done(client: Client, upload: ImportJob) -> str:
    """Have the plan done; return the page of it."""
    assert client.post(reverse("imports:plan", args=[upload.pk])).status_code == 302
    assert runner.run_due_jobs() == 1
    return page(client, upload)


@pytest.mark.slow
def test_a_file_becomes_a_plan_and_then_people(office: Provider, alice: User) -> None:
    client = confirmed(alice)
    upload = send(client, INVITED, SERVICE)
    assert User.objects.count() == 1
    shown = page(client, upload)
    assert "Boer, P." in shown
    assert "Dit plan uitvoeren" in shown
    assert "Regenboog" not in shown
    url = reverse("imports:plan", args=[upload.pk])
    assert client.post(url).status_code == 302
    assert client.post(url).status_code == 302  # a double click
    assert User.objects.count() == 1
    assert client.get(url)["Refresh"] == "1"
    assert runner.run_due_jobs() == 1
    assert User.objects.count() == 3
    assert client.post(url).status_code == 302  # a second tab
    assert runner.run_due_jobs() == 0
    (made,) = Event.objects.filter(target_id=User.objects.get(last_name="Koppeling").pk)
    assert (made.actor_id, made.origin) == (alice.pk, EventOrigin.PAGE)
    assert "uitgevoerd" in page(client, upload)
    assert "Koppeling, ICT" in page(client, upload, "result")
    upload.refresh_from_db()
    assert upload.encrypted_input is None
    assert not client.get(url).has_header("Refresh")
    assert client.get(reverse("imports:faulty_rows", args=[upload.pk])).status_code == 404


def test_a_plan_that_awaits_is_listed(office: Provider, alice: User, bob: User) -> None:
    client, upload_url = confirmed(alice), reverse("imports:upload_users")
    upload = send(client, SERVICE)
    url = reverse("imports:plan", args=[upload.pk])
    shown = client.get(upload_url).text
    assert (url in shown, "Plan van de import" in shown) == (True, True)
    assert client.get(reverse("imports:upload_teams")).text.count(url) == 0
    client.post(f"{reverse('imports:bulk_action')}?users={bob.pk}", {"act": "block"})
    action = ImportJob.objects.latest("created_at")
    shown = client.get(upload_url).text
    assert shown.index(str(action.pk)) < shown.index(str(upload.pk)), "the newest comes first"
    for job in (upload, action):
        client.post(reverse("imports:discard", args=[job.pk]))
    shown = client.get(upload_url).text
    assert not any(str(job.pk) in shown for job in (upload, action))


def test_what_is_stored_is_encrypted(office: Provider, alice: User) -> None:
    upload = send(confirmed(alice), INVITED, SERVICE | {"password": "Geheim-1234x", "username": "x"})
    parts = [upload.encrypted_input, upload.encrypted_summary, *upload.pages.values_list("encrypted_values", flat=True)]
    assert len(parts) == 5, "a page of people, one of faults and one of the rows with a fault"
    for part in parts:
        for secret in (b"Boer", b"12345678", b"Geheim"):
            assert secret not in bytes(part)


@pytest.mark.slow
def test_faults_are_shown_and_can_be_mended(office: Provider, alice: User) -> None:
    client = confirmed(alice)
    upload = send(client, SERVICE, INVITED | {"email": "<b>fout</b>"})
    shown = page(client, upload)
    assert "Dit plan uitvoeren" not in shown
    assert "&lt;b&gt;fout" in shown
    assert page(client, upload, "faulty_rows").count("\n") == 2
    assert "Er is niets gewijzigd" in done(client, upload)
    assert User.objects.count() == 1
    again = send(client, content=client.get(reverse("imports:faulty_rows", args=[upload.pk])).content)
    assert "Regel 2" in page(client, again)


def test_a_file_without_rows_asks_for_another_file_only(office: Provider, alice: User) -> None:
    client = confirmed(alice)
    upload = send(client, content=b"Voorletters;Achternaam\r\n")
    shown = page(client, upload)
    assert "geen regels daaronder" in shown
    assert "Een ander bestand kiezen" in shown
    assert "Plan opnieuw maken" not in shown, "the same file has the same fault"


@pytest.mark.slow
def test_what_went_meanwhile_refuses_and_can_be_planned_again(office: Provider, alice: User, bob: User) -> None:
    client = confirmed(alice)
    upload = send(client, {"username": "bob", "individual_rights": "view_users"})
    teams.actions.set_individual_rights(bob, [Right.VIEW_AUDIT], by=actor())
    assert "Plan opnieuw" in done(client, upload)
    assert [row.right for row in bob.individual_rights.all()] == ["view_audit"]
    assert client.post(reverse("imports:replan", args=[upload.pk])).status_code == 302
    assert runner.run_due_jobs() == 1
    assert "Plan opnieuw" not in page(client, upload)
    assert "Er is niets gewijzigd" not in done(client, upload)
    assert [row.right for row in bob.individual_rights.all()] == ["view_users"]


@pytest.mark.slow
def test_only_who_sent_a_file_sees_it(office: Provider, alice: User, bob: User, charlie: User) -> None:
    upload = send(confirmed(alice), SERVICE)
    colleague = make_user(office, Right.MANAGE_PROVIDER, username="collega")
    for name in PLACES:
        url = reverse(f"imports:{name}", args=[upload.pk])
        for user, status in ((charlie, 404), (colleague, 404), (bob, 403)):
            client = confirmed(user)
            assert client.post(url).status_code in (status, 405)
            assert client.get(url).status_code in (status, 405)
        assert Client().get(url).status_code in (302, 405)
    for name in ("upload_users", "user_template"):
        assert confirmed(bob).get(reverse(f"imports:{name}")).status_code == 403
    assert User.objects.filter(username="koppeling #1").count() == 0


def test_reauthentication_is_required(alice_client: Client) -> None:
    confirm_now(alice_client, seconds_ago=1801)
    assert alice_client.get(reverse("imports:upload_users"))["Location"].startswith(
        reverse("authentication:reauthenticate")
    )


def test_a_manager_grants_only_own_rights(office: Provider, alice: User) -> None:
    manager = make_user(office, Right.MANAGE_USERS, Right.GRANT_RIGHTS, username="chef")
    client = confirmed(manager)
    upload = send(client, SERVICE | {"individual_rights": "view_audit"}, {"username": "alice", "first_name": "X"})
    assert "Dit plan uitvoeren" not in page(client, upload)
    assert "Er is niets gewijzigd" in done(client, upload)
    assert not User.objects.filter(username="koppeling #1").exists()


def test_plan_expires_after_an_hour(office: Provider, alice: User) -> None:
    client = confirmed(alice)
    old, young = send(client, SERVICE), send(client, SERVICE)
    ImportJob.objects.filter(pk=old.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.get(reverse("imports:plan", args=[old.pk])).status_code == 404
    call_command("worker", once=True)
    assert list(ImportJob.objects.all()) == [young]
    assert young.expires_at - young.created_at <= timedelta(hours=1, seconds=1)


def test_plan_can_be_discarded(office: Provider, alice: User) -> None:
    client = confirmed(alice)
    upload = send(client, SERVICE)
    assert client.post(reverse("imports:discard", args=[upload.pk])).status_code == 302
    assert not ImportJob.objects.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + bytes(50), b"\x00\xff" * 50, b"a;b\n1;2\n"])
def test_what_cannot_be_read_is_said(office: Provider, alice: User, content: bytes) -> None:
    file = SimpleUploadedFile("mensen.xlsx", content)
    client = confirmed(alice)
    response = client.post(reverse("imports:upload_users"), {"file": file}, follow=True)
    if content:
        assert runner.run_due_jobs() == 1
        shown = page(client, ImportJob.objects.get())
        assert "Er is niets gewijzigd" in shown
        assert "Een ander bestand kiezen" in shown
        assert "Dit plan uitvoeren" not in shown
    else:
        assert 'id="errors"' in response.text
        assert not ImportJob.objects.exists()


def test_a_file_may_be_larger_than_a_form_from_who_signed_in_only(office: Provider, alice: User) -> None:
    large = file_of(SERVICE).getvalue() + b";;;;;\r\n" * 300_000
    assert len(large) > 2_000_000
    client = confirmed(alice)
    send(client, content=large, is_planned=False)
    for sender, url, size in (
        (Client(), "imports:upload_users", 1),
        (client, "users:profile", 1),
        (client, "imports:upload_users", 3),
    ):
        response = sender.post(reverse(url), {"file": SimpleUploadedFile("x.csv", large * size)})
        assert response.status_code == 400
    assert ImportJob.objects.count() == 1


def test_without_invitations_no_user_is_invited(office: Provider, alice: User) -> None:
    client = confirmed(alice)
    file = SimpleUploadedFile("mensen.csv", file_of(INVITED).getvalue())
    client.post(reverse("imports:upload_users"), {"file": file})
    assert runner.run_due_jobs() == 1
    assert "Laat ook uitnodigingen versturen" in page(client, ImportJob.objects.get())


def test_the_template_is_a_workbook(office: Provider, alice: User) -> None:
    content = b"".join(confirmed(alice).get(reverse("imports:user_template")).streaming_content)
    assert load_workbook(BytesIO(content)).active["A1"].value == "Inlogmethode"
    upload = send(confirmed(alice), content=content)
    assert "Er is niets te doen" in page(confirmed(alice), upload)


def test_the_list_leads_to_it(alice_client: Client, office: Provider) -> None:
    assert reverse("imports:upload_users") in alice_client.get(reverse("users:user_list")).text


def test_queries_of_the_plan_page_do_not_grow(
    office: Provider, alice: User, django_assert_max_num_queries: object
) -> None:
    client = confirmed(alice)
    upload = send(client, *(SERVICE | {"username": f"dienst {number}"} for number in range(30)))
    with django_assert_max_num_queries(10):
        page(client, upload)
