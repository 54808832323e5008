"""Database constraints, tested with SQL that bypasses every action (rules 1 and 2)."""

from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import LoginMethod, Provider, User
from tests.helpers.login_methods import TID, make_azure, make_service, tenant_of
from tests.helpers.users import make_user

pytestmark = pytest.mark.django_db
HASH = "argon2$argon2id$v=19$x"
ALL = ("username", "password", "external_tenant_id", "external_tid", "external_user_id", "accepted_at")


def update(user: User, **columns: Any) -> None:
    """Change columns with plain SQL and check deferred constraints immediately."""
    assignments = ", ".join(f"{name} = %s" for name in columns)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE accounts_user SET {assignments} WHERE id = %s", [*columns.values(), user.pk])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def is_whole(kind: str, has: dict[str, bool]) -> bool:
    """Return whether a combination is valid, written independently of the constraint."""
    external = [has[name] for name in ("external_tenant_id", "external_tid", "external_user_id")]
    if kind == LoginMethod.AZURE_AD:
        return all(external) and has["username"] and has["accepted_at"] and not has["password"]
    if any(external):
        return False
    own = {has["username"], has["password"], has["accepted_at"]}
    return own == {True} or (kind == LoginMethod.WEBSITE_SSO and own == {False})


@pytest.mark.parametrize("kind", LoginMethod.values)
def test_each_kind_is_whole(office: Provider, kind: str) -> None:
    tenant, user = tenant_of(office), make_user(office)
    given: dict[str, object] = {
        "username": "naam", "password": HASH, "external_tenant_id": tenant.pk, "external_tid": TID,
        "external_user_id": uuid4(), "accepted_at": "2026-01-01 12:00Z",
    }  # fmt: skip
    for present in product([True, False], repeat=len(ALL)):
        has = dict(zip(ALL, present, strict=True))
        columns = {name: given[name] if has[name] else None for name in ALL}
        columns["password"] = HASH if has["password"] else "!x"
        columns["username_key"] = columns["username"]
        try:
            update(user, login_method=kind, **columns)
        except IntegrityError:
            assert not is_whole(kind, has), has
        else:
            assert is_whole(kind, has), has


def test_an_empty_password_is_none(office: Provider) -> None:
    with pytest.raises(IntegrityError):
        update(make_service(office), password="")


@pytest.mark.parametrize("make", [make_service, make_azure])
def test_only_website_users_owe_a_second_factor(office: Provider, make: Any) -> None:
    with pytest.raises(IntegrityError):
        update(make(office), two_factor_required=True)


def test_a_tenant_of_another_office_is_out_of_reach(office: Provider, charlie: User) -> None:
    user, other = make_azure(office), tenant_of(charlie.provider)
    with pytest.raises(IntegrityError, match="same_office"):
        update(user, external_tenant_id=other.pk)


def test_the_copy_of_the_tenants_id_cannot_differ(office: Provider) -> None:
    user = make_azure(office)
    with pytest.raises(IntegrityError, match="same_tenant"):
        update(user, external_tid=uuid4())
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(IntegrityError, match="same_tenant"):
            cursor.execute("UPDATE accounts_externaltenant SET tenant_id = %s", [uuid4()])
        transaction.set_rollback(True)


def test_an_account_at_microsoft_is_of_one_user_in_all_offices(office: Provider, charlie: User) -> None:
    oid = UUID("2b1e9c04-77ad-4c3b-8d10-5e90f2a4c100")
    make_azure(office, external_user_id=oid)
    with pytest.raises(IntegrityError, match="user_external_identity_once"), transaction.atomic():
        make_azure(charlie.provider, username="ander", external_user_id=oid)
    other = tenant_of(charlie.provider, uuid4())
    make_azure(charlie.provider, tenant=other, username="ander", external_user_id=oid)  # another tenant's oid


def test_a_username_is_of_one_user_in_all_offices(office: Provider, charlie: User) -> None:
    service = make_service(office, username="Café ")
    with pytest.raises(IntegrityError), transaction.atomic():
        make_service(charlie.provider, username="CAFE\u0301 ")
    with pytest.raises(IntegrityError):
        update(service, username_key=None)


def test_a_proof_says_how(office: Provider) -> None:
    tenant = tenant_of(office)
    for change in ("confirmation_method = ''", "confirmed_at = NULL"):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE accounts_externaltenant SET {change} WHERE id = %s", [tenant.pk])
