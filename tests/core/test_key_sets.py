"""Conditions on rows whose keys a query finds first."""

import pytest

from accounts.models import Provider, User
from authentication.mfa.status import filter_missing_factor
from core.key_sets import has_key_among
from tests.helpers.users import make_user


def test_only_rows_of_the_keys_are_found(office: Provider, alice: User, bob: User) -> None:
    keys = User.objects.filter(pk=alice.pk).values("pk").union(User.objects.none().values("pk"), all=True)
    assert list(User.objects.filter(has_key_among(keys))) == [alice]
    assert bob in User.objects.filter(~has_key_among(keys))
    assert not User.objects.filter(has_key_among(User.objects.filter(pk=None).values("pk")))


@pytest.mark.parametrize("requires_of_managers", [True, False])
def test_the_keys_are_found_once_whatever_the_statistics(office: Provider, *, requires_of_managers: bool) -> None:
    office.two_factor_managers = requires_of_managers
    make_user(office, username="mist", two_factor_required=True)
    missing = filter_missing_factor(User.objects.filter(provider=office), office)
    assert [user.username for user in missing] == ["mist"]
    assert "InitPlan" in missing.explain()
