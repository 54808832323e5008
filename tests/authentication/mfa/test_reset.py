"""Resetting a user's second factor."""

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.utils import timezone

from accounts.models import ExternalTenant, LoginMethod, Provider, User
from audit.models import Event
from authentication.mfa import actions
from authentication.models import AuthenticatorApp, RecoveryCodes
from outbox.models import Message
from permissions.checks import Right
from permissions.models import IndividualRight
from tests.authentication.mfa.test_passkeys import make
from tests.helpers.mfa import code_now, give_app, make_half_signed_in_client, signed_in
from tests.helpers.software_passkeys import SoftKey
from tests.helpers.users import PASSWORD, actor, make_user

pytestmark = pytest.mark.django_db
REASON = {"reason": "Telefoon kwijt, aan de balie gevraagd"}


def url(user: User) -> str:
    return f"/gebruikers/{user.pk}/twee-factor-resetten/"


@pytest.fixture
def lost(bob: User) -> User:
    """Bob, who has an app and recovery codes."""
    give_app(bob)
    actions.generate_recovery_codes(bob, by=actor(bob))
    return bob


@pytest.fixture
def secured(alice: User) -> Client:
    """Alice's browser, after using a second factor just now."""
    return signed_in(alice, give_app(alice))


def test_mfa_reset_takes_everything_away_and_ends_sessions(secured: Client, lost: User, alice: User) -> None:
    theirs = signed_in(lost, give_app(lost, "Tablet"))
    make(theirs, SoftKey())
    assert secured.get(url(lost)).status_code == 200
    assert AuthenticatorApp.objects.filter(user=lost).count() == 2
    assert secured.post(url(lost), REASON)["Location"] == f"/gebruikers/{lost.pk}/"
    lost.refresh_from_db()
    assert lost.second_factor_at is None
    assert actions.list_devices(lost) == []
    assert not RecoveryCodes.objects.filter(user=lost).exists()
    assert theirs.get("/profiel/")["Location"].startswith("/inloggen/")
    event = Event.objects.get(verb="factors_reset")
    assert (event.actor_id, event.target_id, event.reason) == (alice.pk, lost.pk, REASON["reason"])
    assert Message.objects.filter(kind="factors_reset", user_id=lost.pk).count() == 1
    assert not lost.two_factor_required
    assert secured.post(url(lost), REASON).status_code == 302
    assert Event.objects.filter(verb="factors_reset").count() == 1


@pytest.mark.parametrize("reason", ["", " ", "x" * 501, "a\x00b", "a\u202eb"])
def test_mfa_reset_wants_a_reason(secured: Client, lost: User, reason: str) -> None:
    response = secured.post(url(lost), {"reason": reason})
    assert (response.status_code, response.context["form"].errors.keys()) == (200, {"reason"})
    assert AuthenticatorApp.objects.filter(user=lost).exists()


def test_mfa_reset_wants_ones_own_factor_within_five_minutes(secured: Client, lost: User) -> None:
    with time_machine.travel(timezone.now() + timedelta(minutes=5, seconds=1)):
        for answer in (secured.get(url(lost)), secured.post(url(lost), REASON)):
            assert answer["Location"].startswith("/bevestigen/?next=")
    assert AuthenticatorApp.objects.filter(user=lost).exists()


def test_a_recovery_code_is_not_enough(alice: User, lost: User) -> None:
    give_app(alice)
    code = actions.generate_recovery_codes(alice, by=actor(alice))[0]
    client = make_half_signed_in_client(alice)
    assert client.post("/inloggen/herstelcode/", {"code": code}).status_code == 302
    assert client.get(url(lost))["Location"].startswith("/bevestigen/")


def test_without_a_factor_of_ones_own_it_is_refused(alice_client: Client, lost: User) -> None:
    for answer in (alice_client.get(url(lost)), alice_client.post(url(lost), REASON)):
        assert answer.status_code == 403
    assert AuthenticatorApp.objects.filter(user=lost).exists()


def test_never_ones_own(secured: Client, alice: User) -> None:
    assert secured.post(url(alice), REASON).status_code == 403
    with pytest.raises(PermissionDenied):
        actions.reset_mfa(alice, reason="x", by=actor(alice))
    assert AuthenticatorApp.objects.exists()


def test_not_of_a_user_with_more_rights(office: Provider, alice: User) -> None:
    give_app(alice)
    manager = make_user(office, Right.VIEW_USERS, Right.MANAGE_USERS, username="manager")
    client = signed_in(manager, give_app(manager))
    assert client.post(url(alice), REASON).status_code == 403
    with pytest.raises(PermissionDenied):
        actions.reset_mfa(alice, reason="x", by=actor(manager))
    assert AuthenticatorApp.objects.filter(user=alice).exists()


def test_another_office_and_a_colleague_without_the_right(lost: User, charlie: User, alice: User) -> None:
    assert signed_in(charlie, give_app(charlie)).post(url(lost), REASON).status_code == 404
    IndividualRight.objects.filter(user=lost).delete()
    other = make_user(lost.provider, Right.VIEW_USERS, username="viewer")
    assert signed_in(other, give_app(other)).post(url(lost), REASON).status_code == 403
    assert AuthenticatorApp.objects.filter(user=lost).exists()


def test_there_may_be_nothing_to_reset(secured: Client, bob: User) -> None:
    assert secured.get(url(bob))["Location"] == f"/gebruikers/{bob.pk}/"
    assert actions.reset_mfa(bob, reason="x", by=actor()) is False


def test_an_azure_administrator_confirms_at_microsoft(office: Provider, lost: User) -> None:
    tenant = ExternalTenant.objects.create(
        provider=office, name="T", tenant_id=uuid4(), confirmed_at=timezone.now(), confirmation_method="support"
    )
    admin = make_user(
        office, Right.MANAGE_PROVIDER, username="azure", login_method=LoginMethod.AZURE_AD, password="!",
        external_tenant=tenant, external_user_id=uuid4(),
    )  # fmt: skip
    client = Client()
    client.force_login(admin)
    assert client.get(url(lost))["Location"].startswith("/bevestigen/")
    session = client.session
    session["confirmed_at"], session["confirmed_with_factor"] = int(timezone.now().timestamp()), True
    session.save()
    assert client.post(url(lost), REASON)["Location"] == f"/gebruikers/{lost.pk}/"
    assert not AuthenticatorApp.objects.filter(user=lost).exists()


def test_afterwards_a_required_factor_is_set_up_again(lost: User, alice: User) -> None:
    User.objects.filter(pk=lost.pk).update(two_factor_required=True)
    actions.reset_mfa(lost, reason="x", by=actor(alice))
    client = Client()
    client.post("/inloggen/", {"username": "bob", "password": PASSWORD})
    assert client.get("/")["Location"] == "/profiel/twee-factor/?next=%2F"
    lost.refresh_from_db()
    assert client.post("/inloggen/code/", {"code": code_now(b"x" * 20)}).status_code == 302


def shown_for_attention(client: Client) -> set[User]:
    """Return the users to whom the two-factor alert on the home page links."""
    return {row[0] for row in client.get("/gebruikers/", {"attention": "two_factor"}).context["rows"]}


@pytest.mark.slow
def test_the_list_and_the_home_page_say_who_has_it(secured: Client, lost: User, office: Provider) -> None:
    missing = make_user(office, username="missing", two_factor_required=True)
    service = make_user(office, username="s", login_method=LoginMethod.SSO_WEBSERVICE)

    def shown(two_factor: str) -> set[User]:
        rows = secured.get("/gebruikers/", {"two_factor": two_factor}).context["rows"]
        return {row[0] for row in rows}

    assert lost in shown("active")
    assert shown("missing") == {missing}
    assert not {lost, missing, service} & shown("not_required")
    assert {lost, missing, service} <= shown("rommel")
    alerts = {one.reason: one.count for one in secured.get("/").context["alerts"]}
    assert alerts["two_factor"] == 1
    assert shown_for_attention(secured) == {missing}
    assert secured.get("/kantoor/twee-factor/").context["share"] == {"all": 3, "active": 2, "missing": 1}
    page = secured.get(f"/gebruikers/{missing.pk}/")
    assert page.context["two_factor_rules"].by_user
