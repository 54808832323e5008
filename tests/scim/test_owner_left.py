"""A connection whose owner left: administrators are told, once each time, until a colleague becomes the owner."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import users.actions
from accounts.models import LoginMethod, User
from outbox.models import Message
from permissions.checks import Right
from scim.jobs import warn_of_stopped_connections
from scim.models import DirectoryConnection
from tests.helpers.users import actor, letter, make_user
from tests.scim.conftest import Directory, make_connection

pytestmark = pytest.mark.django_db
KIND = "directory_stopped"


@pytest.fixture
def owner(alice: User) -> User:
    return make_user(alice.office, Right.MANAGE_USERS, Right.VIEW_USERS, username="eigenaar", last_name="Eigenaar")


@pytest.fixture
def okta(owner: User) -> Directory:
    return Directory(make_connection(owner, LoginMethod.WEBSITE_SSO, name="Okta"))


def count_mails() -> int:
    warn_of_stopped_connections()
    return Message.objects.filter(kind=KIND).count()


@pytest.mark.parametrize("way", ["blocked", "ended", "gone", "rights"])
def test_administrators_get_a_mail_once_each_time(
    okta: Directory, owner: User, alice: User, alice_client: Client, way: str
) -> None:
    assert count_mails() == 0
    if way == "blocked":
        users.actions.block_user(owner, by=actor(alice))
    elif way == "ended":
        User.objects.filter(pk=owner.pk).update(access_until=timezone.localdate() - timedelta(days=1))
    elif way == "gone":
        DirectoryConnection.objects.update(owner=None)
    else:
        owner.individual_rights.all().delete()
    okta.call("GET", "/Users", status=403)
    assert count_mails() == 1
    assert count_mails() == 1, "and not again every minute"
    message = Message.objects.get(kind=KIND)
    assert message.user_id == alice.pk
    assert reverse("scim:connection_detail", args=[okta.connection.pk]) in letter(message)
    assert "wordt geweigerd" in alice_client.get("/").content.decode(), "on the home page as well"
    alice_client.post(reverse("scim:take_over", args=[okta.connection.pk]))
    okta.call("GET", "/Users")
    assert count_mails() == 1
    DirectoryConnection.objects.update(owner=None)
    assert count_mails() == 2


def test_page_that_blocks_the_owner_names_the_directory(okta: Directory, owner: User, alice_client: Client) -> None:
    page = alice_client.get(reverse("users:block_user", args=[owner.pk]))
    assert "Deze directories worden vanaf dan geweigerd" in page.content.decode()
    DirectoryConnection.objects.all().delete()
    page = alice_client.get(reverse("users:block_user", args=[owner.pk]))
    assert "geweigerd" not in page.content.decode()


def test_connection_that_is_off_is_no_news(okta: Directory, owner: User) -> None:
    DirectoryConnection.objects.update(owner=None, state=DirectoryConnection.State.OFF)
    assert count_mails() == 0
    DirectoryConnection.objects.update(state=DirectoryConnection.State.SHADOW)
    assert count_mails() == 1
