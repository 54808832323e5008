"""Lookup by username: the plain SQL returns the same user as the Django ORM."""

import pytest
from django.db import models

from accounts import user_lookup
from accounts.models import Provider, User
from tests.helpers.login_methods import make_service
from tests.helpers.users import make_support, make_user

pytestmark = pytest.mark.django_db


def told(row: models.Model | None) -> dict[str, object]:
    assert row is not None
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_lookup_finds_the_user_with_the_office(alice: User, bob: User, office: Provider) -> None:
    service = make_service(office)
    for user in (alice, bob, service):
        found = user_lookup.find_user_by_username_key(user.username_key or "")
        assert found is not None
        known = User.objects.select_related("provider").get(pk=user.pk)
        assert (told(found), told(found.provider)) == (told(known), told(known.provider))
        found.save()  # and it is like any other query


def test_support_has_no_office() -> None:
    support = make_support()
    found = user_lookup.find_user_by_username_key(support.username_key or "")
    assert told(found) == told(User.objects.get(pk=support.pk))
    assert found is not None
    assert found.provider is None


def test_an_empty_name_finds_no_user(office: Provider, alice: User) -> None:
    make_user(office, username=None, accepted_at=None, password="!", password_changed_at=None)
    assert user_lookup.find_user_by_username_key("") is None
    assert user_lookup.find_user_by_username_key("ALICE") is None
