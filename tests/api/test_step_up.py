"""Step-up authentication for changes to how another user signs in, for every operation of the web service."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

import jwt
import pytest
import time_machine
from django.test import Client
from django.utils import timezone

import invitations.actions
from accounts.models import EmailChange, Provider, User
from audit.models import Event
from authentication.mfa import actions
from core.throttle import Throttled
from invitations.models import Invitation
from oauth.models import AccessToken, Application, AuthorizationCode, RefreshToken
from oauth.tokens import MissingEvidence
from permissions.models import Team
from tests.helpers.api_client import Program, machine, program
from tests.helpers.consent import allow
from tests.helpers.invited_users import invite
from tests.helpers.login_methods import make_azure, tenant_of
from tests.helpers.mfa import give_app
from tests.helpers.users import actor, change_user, signed_in
from tests.oauth.test_authorization_code import SECRET, make_application
from tests.oauth.test_authorize import asked
from tests.oauth.test_client_credentials import basic
from tests.oauth.test_secrets import exchange, tokens

pytestmark = pytest.mark.django_db
Act = Callable[[Program, "Targets"], Any]


class Targets:
    """Users, a tenant and a team of one office that an API client changes."""

    def __init__(self, alice: User, bob: User) -> None:
        self.alice, self.bob = alice, bob
        give_app(bob)
        self.invited = invite(alice).invitation.user
        self.tenant = tenant_of(alice.provider)
        self.azure = make_azure(alice.provider, username="azure", tenant=self.tenant)
        self.team = Team.objects.create(provider=alice.provider, name="Loon Noord")

    def state(self) -> Any:
        """Return everything that a refused call must leave unchanged."""
        columns = ("second_factor_at", "two_factor_required", "email", "login_method", "external_user_id", "version")
        users = list(User.objects.order_by("pk").values_list(*columns))
        sent = list(Invitation.objects.values_list("token_hash", "email"))
        return users, sent, Team.objects.get().two_factor_required, EmailChange.objects.count(), Event.objects.count()


def details(user: User, **change: Any) -> dict[str, Any]:
    contact = {"emailAddress": change.pop("email", user.email)}
    names = {"initials": user.initials, "lastName": user.last_name}
    return {"personalDetails": names, "contactInformation": contact, "hasAccessToPayrollingTestData": False} | change


def put(calls: Program, user: User, body: Any) -> Any:
    path = f"/providers/users/{user.pk}"
    return calls.call("PUT", path, body, If_Match=calls.get(path).headers["ETag"])


def resend(calls: Program, user: User, **change: Any) -> Any:
    body = {"action": "Resend", "resendInformation": {"destinationForSecret": "0612345678"} | change}
    return calls.call("PATCH", f"/providers/users/{user.pk}", body)


def configure(calls: Program, user: User, **body: Any) -> Any:
    return calls.call("PATCH", f"/providers/users/{user.pk}/configuredexternaltenant", body)


ACTS: dict[str, Act] = {
    "factors": lambda calls, targets: put(calls, targets.bob, details(targets.bob, hasMultiFactorAuthentication=False)),
    "duty": lambda calls, targets: put(calls, targets.bob, details(targets.bob, twoFactorAuthenticationRequired=True)),
    "address": lambda calls, targets: put(calls, targets.bob, details(targets.bob, email="nieuw@x.example")),
    "to azure": lambda calls, targets: configure(
        calls,
        targets.bob,
        externalTenant={"id": str(targets.tenant.pk)},
        externalUser={"id": "0f0e0d0c-1111-4222-8333-444455556666"},
    ),
    "other account": lambda calls, targets: configure(
        calls,
        targets.azure,
        externalTenant={"id": str(targets.tenant.pk)},
        externalUser={"id": "0f0e0d0c-1111-4222-8333-444455556666"},
    ),
    "to website": lambda calls, targets: configure(
        calls, targets.azure, externalTenant=None, externalUser=None, destinationForSecret="0612345678"
    ),
    "resend to an address": lambda calls, targets: resend(calls, targets.invited, emailAddress="elders@x.example"),
    "duty by resending": lambda calls, targets: resend(calls, targets.invited, twoFactorAuthenticationRequired=True),
    "duty by a team": lambda calls, targets: calls.call(
        "PUT",
        f"/providers/teams/{targets.team.pk}",
        {"description": "Loon Noord", "twoFactorAuthenticationRequired": True},
    ),
}
TOKENS: dict[str, tuple[int | None, bool, list[str]]] = {
    "client credentials": (None, False, ["proof_interactive"]),
    "long ago": (300, True, ["proof_recent_sign_in"]),
    "in the future": (-600, True, ["proof_recent_sign_in"]),
    "without factor": (0, False, ["proof_second_factor"]),
    "neither": (3000, False, ["proof_recent_sign_in", "proof_second_factor"]),
}


@pytest.fixture
def targets(alice: User, bob: User) -> Targets:
    return Targets(alice, bob)


@pytest.mark.slow
@pytest.mark.parametrize(("age", "with_factor", "codes"), TOKENS.values(), ids=TOKENS)
@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_a_token_that_proves_too_little_changes_no_sign_in(
    act: Act, age: int | None, with_factor: bool, codes: list[str], targets: Targets
) -> None:
    with time_machine.travel(timezone.now(), tick=False):
        at = None if age is None else timezone.now() - timedelta(seconds=age)
        calls, before = (
            program(targets.alice, authenticated_at=at, with_factor=with_factor),
            targets.state(),
        )
        refused = act(calls, targets)
        assert (refused.status_code, [one["reason"] for one in refused.json()["messages"]]) == (403, codes)
        assert all(one["description"] for one in refused.json()["messages"])
        challenge = refused.headers.get("WWW-Authenticate", "")
        assert ("insufficient_user_authentication" in challenge) is (age is not None)
        assert ('acr_values="https://refeds.org/profile/mfa"' in challenge) is (MissingEvidence.FACTOR in codes)
        assert targets.state() == before


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_a_fresh_sign_in_with_a_factor_may(act: Act, targets: Targets) -> None:
    with time_machine.travel(timezone.now(), tick=False):
        calls = program(targets.alice, authenticated_at=timezone.now() - timedelta(seconds=299))
        before = targets.state()
        assert act(calls, targets).status_code in (200, 201, 202)
        assert targets.state() != before


def test_without_the_scope_a_fresh_sign_in_is_not_enough(targets: Targets) -> None:
    calls = program(targets.alice, "users:read", "teams:read", "teams:write")
    for name, act in ACTS.items():
        if name != "duty by a team":
            refused = act(calls, targets)
            assert (refused.status_code, refused.json()["messages"][0]["reason"]) == (403, "client_scope"), name


@pytest.mark.slow
def test_the_same_again_changes_nothing_and_needs_no_proof(targets: Targets) -> None:
    calls, bob = machine(targets.alice), targets.bob
    body = details(bob, twoFactorAuthenticationRequired=False, hasMultiFactorAuthentication=True)
    assert put(calls, bob, body).status_code == 202
    bob.refresh_from_db()
    assert bob.second_factor_at is not None
    same = {
        "externalTenant": {"id": str(targets.tenant.pk)},
        "externalUser": {"id": str(targets.azure.external_user_id)},
    }
    assert configure(calls, targets.azure, **same).status_code == 201
    team = {"description": "Anders", "twoFactorAuthenticationRequired": False}
    assert calls.call("PUT", f"/providers/teams/{targets.team.pk}", team).status_code == 200


@pytest.mark.slow
def test_client_credentials_still_do_the_rest(targets: Targets) -> None:
    calls, bob = machine(targets.alice), targets.bob
    assert put(calls, bob, details(bob, personalDetails={"initials": "X.", "lastName": "Y"})).status_code == 202
    for action in ("Block", "Unblock"):
        assert calls.call("PATCH", f"/providers/users/{bob.pk}", {"action": action}).status_code == 200
    rights = {"authorizations": [{"code": "view_users"}]}
    assert calls.call("PATCH", f"/providers/users/{bob.pk}/authorizations", rights).status_code == 200


def test_a_refused_address_counts_as_no_mail(targets: Targets) -> None:
    calls = machine(targets.alice)
    with patch("core.throttle.consume_attempts") as charged:
        assert ACTS["address"](calls, targets).status_code == 403
    assert not charged.called


def test_microsoft_vouches_for_the_factor(office: Provider, targets: Targets) -> None:
    manager = make_azure(office, "manage_provider", username="beheer", email="b@x.example", tenant=targets.tenant)
    with time_machine.travel(timezone.now(), tick=False):
        refused = ACTS["duty"](program(manager, with_factor=False), targets)
        assert [one["reason"] for one in refused.json()["messages"]] == ["proof_recent_sign_in"]
        assert ACTS["duty"](program(manager), targets).status_code == 202


# How the proof is added to a token.


@pytest.fixture
def portal(alice: User) -> Application:
    return make_application(alice, scopes=["openid", "users:read", "users:write"])


def browser(user: User, *, with_factor: bool, seconds_ago: int = 0) -> Client:
    """Return a browser in which `user` re-authenticated this long ago."""
    client = signed_in(user, seconds_ago=seconds_ago)
    session = client.session
    session["confirmed_with_factor"] = with_factor
    session.save()
    return client


def claims(found: dict[str, Any]) -> dict[str, Any]:
    return jwt.decode(found["id_token"], options={"verify_signature": False})


@pytest.mark.slow
def test_code_token_and_refreshed_token_carry_the_sign_in(alice: User, targets: Targets, portal: Application) -> None:
    with time_machine.travel(timezone.now().replace(microsecond=0), tick=False) as clock:
        at = timezone.now() - timedelta(seconds=200)
        found = tokens(browser(alice, with_factor=True, seconds_ago=200), portal, scope="openid users:write")
        assert claims(found)["auth_time"] == int(at.timestamp())
        clock.shift(60)
        renewed = exchange(portal, grant_type="refresh_token", refresh_token=found["refresh_token"]).json()
        for model in (AccessToken, RefreshToken):
            assert {(row.authenticated_at, row.with_factor) for row in model.objects.all()} == {(at, True)}
        assert claims(renewed)["auth_time"] == int(at.timestamp()), "refreshing is no sign-in"
        elsewhere = resend(Program(alice, renewed["access_token"]), targets.invited, emailAddress="een@x.example")
        assert elsewhere.status_code == 200
        clock.shift(60)
        renewed = exchange(portal, grant_type="refresh_token", refresh_token=renewed["refresh_token"]).json()
        refused = resend(Program(alice, renewed["access_token"]), targets.invited, emailAddress="twee@x.example")
        assert refused.json()["messages"][0]["reason"] == "proof_recent_sign_in"
        said = basic(str(portal.client_id), SECRET)
        looked = Client().post("/oauth/introspect/", {"token": renewed["access_token"]}, headers=said).json()
        assert looked["auth_time"] == int(at.timestamp())


def test_a_password_alone_is_carried_as_such(alice: User, targets: Targets, portal: Application) -> None:
    found = tokens(browser(alice, with_factor=False), portal, scope="users:write")
    refused = resend(Program(alice, found["access_token"]), targets.invited, emailAddress="een@x.example")
    assert refused.json()["messages"][0]["reason"] == "proof_second_factor"


@pytest.mark.slow
def test_client_credentials_resend_to_the_same_address(alice: User, targets: Targets) -> None:
    sent_at = targets.invited.invitation.sent_at
    assert resend(machine(alice), targets.invited).status_code == 200
    assert resend(machine(alice), targets.invited, emailAddress=targets.invited.email).status_code == 200
    targets.invited.invitation.refresh_from_db()
    assert targets.invited.invitation.sent_at > sent_at


def test_a_code_takes_the_sign_in_of_its_own_browser(alice: User, portal: Application) -> None:
    for with_factor in (True, False):
        page = f"/oauth/authorize/?{urlencode(asked(portal))}"
        assert allow(browser(alice, with_factor=with_factor), page).status_code == 200
        assert AuthorizationCode.objects.latest("pk").with_factor is with_factor


# Writing back the values that were read.


def test_every_change_of_factors_raises_the_version(bob: User) -> None:
    versions = [bob.version]
    give_app(bob)
    versions.append(User.objects.get(pk=bob.pk).version)
    give_app(bob, "Tablet")
    versions.append(User.objects.get(pk=bob.pk).version)
    actions.remove_device(bob, bob.authenticator_apps.first().pk, by=actor(bob))
    versions.append(User.objects.get(pk=bob.pk).version)
    assert len(set(versions)) == 4


def test_an_old_false_does_not_remove_a_new_factor(alice: User, bob: User) -> None:
    calls, path = program(alice), f"/providers/users/{bob.pk}"
    etag = calls.get(path).headers["ETag"]
    give_app(bob)
    body = details(bob, hasMultiFactorAuthentication=False)
    assert calls.call("PUT", path, body, If_Match=etag).status_code == 412
    for headers in ({}, {"If_Match": "*"}):
        blind = calls.call("PUT", path, body, **headers)
        assert (blind.status_code, blind.json()["messages"][0]["reason"]) == (428, "if_match_required")
    bob.refresh_from_db()
    assert bob.second_factor_at is not None
    assert calls.call("PUT", path, details(bob)).status_code == 202, "left out stays as it is"
    bob.refresh_from_db()
    assert bob.second_factor_at is not None


def test_what_is_left_out_of_a_put_stays(alice: User, bob: User) -> None:
    kept = {
        "first_name": "Bart", "prefix": "de", "phone_number": "0201234567", "place_of_employment": "Utrecht",
        "two_factor_required": True, "access_until": timezone.localdate() + timedelta(days=9),
    }  # fmt: skip
    change_user(bob, **kept)
    assert machine(alice).call("PUT", f"/providers/users/{bob.pk}", details(bob)).status_code == 202
    bob.refresh_from_db()
    assert {name: getattr(bob, name) for name in kept} == kept
    body = details(bob, accessUntil=None)
    body["personalDetails"] |= {"firstName": None, "prefix": None}
    body["contactInformation"] |= {"phoneNumber": None, "placeOfEmployment": None}
    assert machine(alice).call("PUT", f"/providers/users/{bob.pk}", body).status_code == 202
    bob.refresh_from_db()
    emptied = {name for name in kept if not getattr(bob, name)}
    assert emptied == kept.keys() - {"two_factor_required"}


CHANGED: dict[str, Callable[[User, Application], Any]] = {
    "factor": lambda user, portal: give_app(user),
    "last login": lambda user, portal: User.objects.filter(pk=user.pk).update(last_login=timezone.now()),
    "integration": lambda user, portal: user.consents.create(provider=user.provider, application=portal, scopes=[]),
    "status": lambda user, portal: User.objects.filter(pk=user.pk).update(access_until="2020-01-01"),
}


@pytest.mark.parametrize("change", CHANGED.values(), ids=CHANGED)
def test_the_etag_changes_with_all_that_is_shown(change: Any, alice: User, bob: User, portal: Application) -> None:
    calls, path = program(alice), f"/providers/users/{bob.pk}"
    before = calls.get(path)
    change(bob, portal)
    after = calls.get(path)
    assert after.json()["content"] != before.json()["content"]
    assert after.headers["ETag"] != before.headers["ETag"]
    assert calls.call("PUT", path, details(bob), If_Match=before.headers["ETag"]).status_code == 412


def test_the_name_of_the_tenant_is_in_the_etag(alice: User, targets: Targets) -> None:
    calls, path = program(alice), f"/providers/users/{targets.azure.pk}/configuredexternaltenant"
    before = calls.get(path).headers["ETag"]
    targets.tenant.name = "Anders"
    targets.tenant.save()
    assert calls.get(path).headers["ETag"] != before


def test_a_limit_of_an_action_is_a_429(targets: Targets) -> None:
    calls = program(targets.alice)
    with patch.object(invitations.actions, "resend_invitation", side_effect=Throttled(timedelta(seconds=90))):
        refused = resend(calls, targets.invited)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "90")
