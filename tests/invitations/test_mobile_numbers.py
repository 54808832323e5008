"""A foreign number that may be mobile, at every entry point: pages ask about it, programs accept it with a warning."""

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from accounts.models import Provider, User
from outbox.models import Message
from tests.helpers.api_client import program
from tests.helpers.import_files import INVITED, planned
from tests.helpers.invited_users import invite
from tests.helpers.login_methods import confirmed, make_azure
from tests.helpers.users import actor
from tests.invitations.test_invite_user import MOBILE, draft_of
from tests.support.test_offices import NEW, REASON

pytestmark = pytest.mark.django_db
NUMBERS = ["+32612345678", "0032612345678", "00 32 612 34 56 78"]
EntryPoint = tuple[Client, str, dict[str, Any], str]  # browser, URL, the other fields, and the field of the number


def open_invite(alice: User, dora_client: Client) -> EntryPoint:
    client = confirmed(alice)
    return client, MOBILE, {"concept": draft_of(client)}, "mobile_number"


def open_resend(alice: User, dora_client: Client) -> EntryPoint:
    client, user = confirmed(alice), invite(alice).invitation.user
    url = reverse("users:resend_invitation", args=[user.pk])
    return client, url, {"email": user.email, "sent": client.get(url).context["form"]["sent"].value()}, "mobile_number"


def open_change_to_website(alice: User, dora_client: Client) -> EntryPoint:
    user = make_azure(alice.office)
    return confirmed(alice), reverse("users:change_to_website", args=[user.pk]), {}, "mobile_number"


def open_bulk(alice: User, dora_client: Client) -> EntryPoint:
    user = invite(alice).invitation.user
    return confirmed(alice), f"/gebruikers/meerdere/nummers/?users={user.pk}", {}, f"number-{user.pk}"


def open_support_resend(alice: User, dora_client: Client) -> EntryPoint:
    user = invite(alice).invitation.user
    return dora_client, f"/admin/hulp/opnieuw-versturen/{user.pk}/", {"reason": REASON}, "mobile_number"


def open_support_office(alice: User, dora_client: Client) -> EntryPoint:
    return dora_client, "/admin/hulp/kantoor-maken/", dict(NEW), "mobile_number"


ENTRY_POINTS = [open_invite, open_resend, open_change_to_website, open_bulk, open_support_resend, open_support_office]


@pytest.mark.slow
@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("open_form", ENTRY_POINTS)
def test_pages_ask_once(alice: User, dora_client: Client, open_form: Callable[..., EntryPoint], number: str) -> None:
    client, url, data, field = open_form(alice, dora_client)
    before = Message.objects.count()
    asked = client.post(url, data | {field: number})
    assert asked.context["form"].errors.as_data()[field][0].code == "mobile_number_unknown"
    assert f'name="{field}-questioned" value="{number}"' in asked.text
    assert Message.objects.count() == before
    assert client.post(url, data | {field: number, f"{field}-questioned": number}).status_code == 302


@pytest.mark.slow
@pytest.mark.parametrize("number", ["020 1234567", "+31201234567", "+31970102", "0031 612345", "+3222345678"])
@pytest.mark.parametrize("open_form", ENTRY_POINTS)
def test_pages_refuse_what_is_no_mobile_number(
    alice: User, dora_client: Client, open_form: Callable[..., EntryPoint], number: str
) -> None:
    client, url, data, field = open_form(alice, dora_client)
    refused = client.post(url, data | {field: number, f"{field}-questioned": number})
    assert refused.context["form"].errors.as_data()[field][0].code == "mobile_number"


@pytest.mark.parametrize("number", NUMBERS)
def test_the_web_service_warns(alice: User, number: str) -> None:
    calls = program(alice, "users:write")
    invited, azure = invite(alice).invitation.user, make_azure(alice.office)
    information = {"destinationForSecret": number}
    new = {
        "personalDetails": {"initials": "V.", "lastName": "Waal"},
        "contactInformation": {"emailAddress": "v.waal@devries.example"},
    }
    answers = [
        calls.call("PATCH", f"/providers/users/{invited.pk}", {"action": "Resend", "resendInformation": information}),
        calls.call("POST", f"/providers/{alice.provider_id}/users/invite", new | information),
        calls.call(
            "PATCH",
            f"/providers/users/{azure.pk}/configuredexternaltenant",
            {"externalTenant": None, "externalUser": None, **information},
        ),
    ]
    assert [answer.status_code for answer in answers] == [200, 201, 201], answers[2].content
    for answer in answers:
        assert [message["reason"] for message in answer.json()["messages"]] == ["mobile_number_unknown"]
    information["destinationForSecret"] = "0201234567"
    refused = calls.call("POST", f"/providers/{alice.provider_id}/users/invite", new | information)
    assert (refused.status_code, refused.json()["messages"][0]["field"]) == (400, "destinationForSecret")


@pytest.mark.parametrize("number", NUMBERS)
def test_a_file_and_a_command_take_it(office: Provider, alice: User, number: str) -> None:
    assert list(planned(office, INVITED | {"mobile_number": number}, by=actor(alice)).faults) == []
    assert len(planned(office, INVITED | {"mobile_number": "0201234567"}, by=actor(alice)).faults) == 1
    warnings = StringIO()
    call_command(
        "create_provider", "X", "--admin-name=A. B", "--admin-email=b@x.example", f"--admin-phone={number}",
        stdout=StringIO(), stderr=warnings,
    )  # fmt: skip
    assert "+32612345678" in warnings.getvalue()
