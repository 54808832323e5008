"""Callers: a token is checked on every call, and ends with anything that ends the user's own access."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import authentication.mfa.actions
import authentication.sessions
import users.actions
import users.login_methods
from accounts.models import Provider, User
from audit.actors import build_operator
from oauth import tokens
from oauth.models import AccessToken, Application
from oauth.tokens import Caller
from permissions.models import Team, TeamMember
from tests.helpers.access_tokens import bearing, token_of
from tests.helpers.login_methods import GOOD, make_service

pytestmark = pytest.mark.django_db
BY = build_operator("test")


def caller(headers: dict[str, str]) -> Caller | None:
    return tokens.authenticate_bearer(RequestFactory().get("/v2/user", headers=headers))


@pytest.fixture
def service(office: Provider, alice: User) -> User:
    return make_service(office)


def test_bearer_token_gives_user_application_and_scopes(service: User) -> None:
    found = caller(bearing(token_of(service, "users:read", "sso")))
    assert found is not None
    assert (found.user, found.application.client_id) == (service, "webservice")
    assert found.scopes == {"users:read", "sso"}


def test_authentication_takes_one_query_and_writes_nothing(service: User) -> None:
    headers = bearing(token_of(service))
    with CaptureQueriesContext(connection) as queries:
        found = caller(headers)
        assert found is not None
        assert found.user.provider.name
    assert len(queries) == 1
    assert queries[0]["sql"].startswith("SELECT")


@pytest.mark.parametrize(
    "headers",
    [
        {}, {"Authorization": ""}, {"Authorization": "Bearer"}, {"Authorization": "Bearer "},
        {"Authorization": "Bearer \x00"}, {"Authorization": "Bearer é🙂"}, {"Authorization": "Bearer " + "x" * 10_000},
    ],
)  # fmt: skip
def test_request_without_a_valid_token_is_refused(service: User, headers: dict[str, str]) -> None:
    token_of(service)
    assert caller(headers) is None


def test_a_token_counts_in_its_header_only(service: User) -> None:
    token = token_of(service)
    assert caller(bearing(token)) is not None
    assert caller({"Authorization": f"bearer {token}"}) is not None
    assert caller({"Authorization": f"Basic {token}"}) is None
    assert tokens.authenticate_bearer(RequestFactory().get("/", {"access_token": token})) is None
    assert tokens.authenticate_bearer(RequestFactory().post("/", {"access_token": token})) is None


def test_the_table_has_a_hash_only(service: User) -> None:
    token = token_of(service)
    row = AccessToken.objects.get()
    assert token not in str(AccessToken.objects.values().get())
    assert caller(bearing(row.token_checksum)) is None


ENDS: dict[str, Callable[[User], object]] = {
    "block": lambda user: users.actions.block_user(user, by=BY),
    "end date": lambda user: User.objects.filter(pk=user.pk).update(
        access_until=timezone.localdate() - timedelta(days=1)
    ),
    "password": lambda user: users.login_methods.set_password(user, password=GOOD, by=BY),
    "sessions ended": lambda user: authentication.sessions.end_all_sessions(user, by=BY),
    "program off": lambda user: Application.objects.update(switched_off_at=timezone.now()),
    "time": lambda user: AccessToken.objects.update(expires=timezone.now()),
    "revoked": lambda user: AccessToken.objects.get().revoke(),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_token_ends_with_the_access_of_its_user(service: User, end: Callable[[User], object]) -> None:
    headers = bearing(token_of(service))
    assert caller(headers) is not None
    end(service)
    assert caller(headers) is None


def test_unblocking_does_not_revive_it(service: User) -> None:
    headers = bearing(token_of(service))
    users.actions.block_user(service, by=BY)
    users.actions.unblock_user(User.objects.get(pk=service.pk), by=BY)
    assert caller(headers) is None


def test_a_website_user_without_a_required_factor_cannot_call(bob: User, office: Provider) -> None:
    headers = bearing(token_of(bob))
    assert caller(headers) is not None
    team = Team.objects.create(provider=office, name="Loon", two_factor_required=True)
    TeamMember.objects.create(provider=office, team=team, user=bob)
    assert caller(headers) is None


def test_a_factor_reset_ends_it(bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(second_factor_at=timezone.now())
    bob.refresh_from_db()
    headers = bearing(token_of(bob))
    assert caller(headers) is not None
    authentication.mfa.actions.reset_mfa(bob, reason="", by=BY)
    assert caller(headers) is None


def test_a_program_serves_its_own_office_only(service: User, charlie: User) -> None:
    theirs = Application.objects.create(provider=charlie.provider, name="Portaal", scopes=["users:read"])
    assert caller(bearing(token_of(service, application=theirs))) is None
    assert caller(bearing(token_of(charlie, application=theirs))) is not None


def test_the_database_holds_a_token_and_its_person_in_one_office(service: User, charlie: User) -> None:
    token_of(service)
    AccessToken.objects.update(provider=charlie.provider)
    with pytest.raises(IntegrityError), transaction.atomic():
        connection.check_constraints()
    AccessToken.objects.all().delete()
