"""Who has a username: the plain SQL says what Django says."""

import pytest
from django.db import models

from accounts.models import Provider, User
from signin import names
from tests.kinds import make_service
from tests.people import make_support, make_user

pytestmark = pytest.mark.django_db


def told(row: models.Model | None) -> dict[str, object]:
    assert row is not None
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_it_finds_the_user_with_his_office(alice: User, bob: User, office: Provider) -> None:
    service = make_service(office)
    for user in (alice, bob, service):
        found = names.named(user.username_key or "")
        assert found is not None
        known = User.objects.select_related("provider").get(pk=user.pk)
        assert (told(found), told(found.provider)) == (told(known), told(known.provider))
        found.save()  # and it is one like any other


def test_support_has_no_office() -> None:
    support = make_support()
    found = names.named(support.username_key or "")
    assert told(found) == told(User.objects.get(pk=support.pk))
    assert found is not None
    assert found.provider is None


def test_nobody_is_found_by_no_name(office: Provider, alice: User) -> None:
    make_user(office, username=None, accepted_at=None, password="!", password_changed_at=None)
    assert names.named("") is None
    assert names.named("ALICE") is None
