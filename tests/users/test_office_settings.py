"""The office settings page."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Provider
from audit.models import Event

pytestmark = pytest.mark.django_db
URL = reverse("users:office_settings")


def test_it_needs_the_right(bob_client: Client) -> None:
    assert bob_client.get(URL).status_code == 403
    assert bob_client.post(URL, {"name": "X", "invitation_days": 9, "version": 1}).status_code == 403


def test_it_changes_the_office(alice_client: Client, office: Provider) -> None:
    assert alice_client.post(URL, {"name": "De Vries & Zn.", "invitation_days": 9, "version": 1}).status_code == 302
    office.refresh_from_db()
    assert (office.name, office.invitation_days) == ("De Vries & Zn.", 9)
    assert Event.objects.get().changes["invitation_days"] == [4, 9]


def test_two_administrators_at_once(alice_client: Client, office: Provider) -> None:
    alice_client.post(URL, {"name": "Eerste", "invitation_days": 9, "version": 1})
    response = alice_client.post(URL, {"name": "Tweede", "invitation_days": 9, "version": 1})
    assert response.status_code == 200
    assert response.context["form"]["name"].value() == "Tweede"
    office.refresh_from_db()
    assert office.name == "Eerste"


@pytest.mark.parametrize(
    ("field", "value"), [("name", ""), ("name", "x" * 101), ("name", "a\x00"), ("invitation_days", "0"),
                         ("invitation_days", "31"), ("invitation_days", "vier"), ("version", "-1")]
)  # fmt: skip
def test_it_refuses_bad_input(alice_client: Client, field: str, value: str) -> None:
    response = alice_client.post(URL, {"name": "Goed", "invitation_days": 4, "version": 1} | {field: value})
    assert field in response.context["form"].errors
    assert not Event.objects.exists()
