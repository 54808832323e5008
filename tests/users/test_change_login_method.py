"""Changing the login method: to Azure AD only, and back to the website."""

from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import users.actions
import users.change_login_method
import users.email_changes
from accounts.models import EmailChange, ExternalTenant, LoginMethod, Provider, User
from audit.models import Event, Verb
from authentication.models import PasswordResetToken
from invitations.models import Invitation
from outbox.models import Message
from permissions import checks
from permissions.checks import LastAdministrator, Right
from permissions.effective import InactiveReason
from permissions.models import IndividualRight
from tests.helpers import audit_events
from tests.helpers.invited_users import NUMBER, invite, token_of
from tests.helpers.login_methods import confirmed, make_azure, make_service, tenant_of
from tests.helpers.responses import ClientResponse, codes
from tests.helpers.users import actor, make_user, signed_in

pytestmark = pytest.mark.django_db
OID = UUID("2b1e9c04-77ad-4c3b-8d10-5e90f2a4c10a")
PAGES = ["login_method", "change_to_azure", "change_to_website"]


@pytest.fixture
def tenant(office: Provider) -> ExternalTenant:
    """The confirmed tenant of the office."""
    return tenant_of(office)


def url(person: User, name: str) -> str:
    return reverse(f"users:{name}", args=[person.pk])


def to_azure(client: Client, person: User, tenant: ExternalTenant, **values: str) -> ClientResponse:
    data = {"external_tenant": str(tenant.pk), "external_user_id": str(OID)}
    return client.post(url(person, "change_to_azure"), data | values)


def to_website(client: Client, person: User, number: str = "06 12345678") -> ClientResponse:
    return client.post(url(person, "change_to_website"), {"mobile_number": number})


def changed() -> int:
    return Event.objects.filter(verb=Verb.LOGIN_METHOD_CHANGED).count()


def test_a_website_user_turns_azure(alice: User, bob: User, tenant: ExternalTenant) -> None:
    theirs, client = Client(), confirmed(alice)
    theirs.force_login(bob)
    User.objects.filter(pk=bob.pk).update(two_factor_required=True)
    PasswordResetToken.objects.create(provider=bob.provider, user=bob, token_hash="x", expires_at=timezone.now())
    for name in ("login_method", "change_to_azure"):
        assert client.get(url(bob, name)).status_code == 200
    for _click in range(2):
        assert to_azure(client, bob, tenant).headers["Location"] == url(bob, "user_detail")
    before, bob = bob, User.objects.get(pk=bob.pk)
    assert (bob.login_method, bob.external_tenant, bob.external_user_id) == (LoginMethod.AZURE_AD, tenant, OID)
    assert (bob.username, bob.has_password, bob.two_factor_required) == ("bob", False, False)
    assert (bob.password_changed_at, bob.accepted_at) == (None, before.accepted_at)
    assert not PasswordResetToken.objects.exists()
    assert theirs.get(reverse("home")).status_code == 302
    event = Event.objects.get(verb=Verb.LOGIN_METHOD_CHANGED)
    assert event.changes["login_method"] == ["website_sso", "azure_ad"]
    assert event.changes["external_user_id"] == [None, str(OID)]
    assert event.changes["two_factor_required"] == [True, False]
    assert Message.objects.get().kind == "microsoft"


def test_a_service_turns_azure(alice: User, office: Provider, tenant: ExternalTenant) -> None:
    service = make_service(office, username=" dienst % 1")
    assert to_azure(confirmed(alice), service, tenant).status_code == 302
    service.refresh_from_db()
    assert (service.username, service.login_method, service.has_password) == (" dienst % 1", "azure_ad", False)


def test_an_invited_person_turns_azure(alice: User, tenant: ExternalTenant) -> None:
    invited = invite(alice)
    person, client = invited.invitation.user, confirmed(alice)
    assert codes(to_azure(client, person, tenant), "username") == ["required"]
    assert codes(to_azure(client, person, tenant, username="ALICE"), "username") == ["taken"]
    assert to_azure(client, person, tenant, username="P. “Boer”").status_code == 302
    person.refresh_from_db()
    assert (person.username, person.login_method) == ("P. “Boer”", LoginMethod.AZURE_AD)
    assert person.accepted_at is not None
    invitation = Invitation.objects.get()
    assert (invitation.state, invitation.encrypted_phone) == (Invitation.State.REVOKED, None)
    assert Message.objects.get(kind="invitation").state == Message.State.CANCELED
    assert invited.client.get(reverse("invitations:welcome")).status_code in (404, 410)
    response = client.post(
        reverse("users:resend_invitation", args=[person.pk]),
        {"mobile_number": NUMBER, "email": person.email, "sent": invitation.sent_at.isoformat()},
    )
    assert response.status_code == 302
    invitation.refresh_from_db()
    assert invitation.state == Invitation.State.REVOKED, "who is in is not invited"


def test_an_azure_user_gets_another_account(alice: User, office: Provider, tenant: ExternalTenant) -> None:
    person = make_azure(office, tenant=tenant)
    assert to_azure(confirmed(alice), person, tenant).status_code == 302
    before, person = person, User.objects.get(pk=person.pk)
    assert person.external_user_id == OID
    assert person.session_version == before.session_version + 1
    assert not changed()
    assert list(Event.objects.get(verb=Verb.USER_CHANGED).changes) == ["external_user_id"]


def test_an_azure_user_is_invited_to_the_website(alice: User, office: Provider, tenant: ExternalTenant) -> None:
    person, theirs, client = make_azure(office, Right.VIEW_USERS, tenant=tenant), Client(), confirmed(alice)
    theirs.force_login(person)
    users.email_changes.request_email_change(person, "nieuw@devries.example", by=actor())
    assert client.get(url(person, "change_to_website")).status_code == 200
    for _click in range(2):
        assert to_website(client, person).headers["Location"] == url(person, "user_detail")
    person.refresh_from_db()
    assert (person.login_method, person.username, person.accepted_at) == (LoginMethod.WEBSITE_SSO, None, None)
    assert (person.external_tenant, person.external_tid, person.external_user_id) == (None, None, None)
    assert checks.get_inactive_reason(person) == InactiveReason.INVITED
    assert not EmailChange.objects.exists()
    assert theirs.get(reverse("home")).status_code == 302
    assert Invitation.objects.get().state == Invitation.State.OPEN
    assert Message.objects.filter(kind="invitation").count() == 1
    event = Event.objects.get(verb=Verb.LOGIN_METHOD_CHANGED)
    assert event.changes["login_method"] == ["azure_ad", "website_sso"]
    assert event.changes["username"] == ["azuur", None]
    assert "12345678" not in audit_events.read_history_text()


def test_there_and_back_again(alice: User, tenant: ExternalTenant) -> None:
    invited, client = invite(alice), confirmed(alice)
    person = invited.invitation.user
    assert to_azure(client, person, tenant, username="p.boer").status_code == 302
    assert to_website(client, person).status_code == 302
    invitation = Invitation.objects.get()
    assert invitation.state == Invitation.State.OPEN
    assert token_of(invitation) != invited.token
    invited.token = token_of(invitation)
    invited.client.get(reverse("invitations:open_link", args=[invited.token]))
    invited.prove()
    response = invited.post("create_account", username="p.boer", password="Regenboog-17", password_again="Regenboog-17")
    assert response.status_code == 302
    assert User.objects.get(pk=person.pk).accepted_at is not None


def test_they_are_not_there_for_another_office(charlie: User, bob: User) -> None:
    for name in PAGES:
        assert confirmed(charlie).get(url(bob, name)).status_code == 404
        if name != "login_method":
            assert confirmed(charlie).post(url(bob, name)).status_code == 404


@pytest.mark.slow
def test_not_of_oneself_or_of_a_user_with_more_rights(
    alice: User, bob: User, office: Provider, tenant: ExternalTenant
) -> None:
    azure = make_azure(office, Right.VIEW_AUDIT, tenant=tenant)
    for person in (alice, azure):
        for name in PAGES:
            assert confirmed(bob).get(url(person, name)).status_code == 403
    IndividualRight.objects.create(provider=bob.provider, user=bob, right=Right.MANAGE_USERS)
    for client, person in [(confirmed(alice), alice), (confirmed(bob), alice), (confirmed(bob), azure)]:
        for name in PAGES:
            assert client.get(url(person, name)).status_code == 403
        assert to_azure(client, person, tenant).status_code == 403
        assert to_website(client, person).status_code == 403
    with pytest.raises(PermissionDenied):
        users.change_login_method.change_to_azure(
            alice, tenant=tenant, external_user_id=OID, username=None, by=actor(alice)
        )
    with pytest.raises(PermissionDenied):
        users.change_login_method.change_to_website(azure, mobile_number=NUMBER, by=actor(azure))
    assert not changed()


def test_they_ask_for_a_recent_confirmation(alice: User, bob: User, tenant: ExternalTenant) -> None:
    alice_client = signed_in(alice, seconds_ago=301)
    for response in (to_azure(alice_client, bob, tenant), to_website(alice_client, bob)):
        assert response.headers["Location"].startswith(reverse("authentication:reauthenticate"))
    assert not changed()


def test_the_office_keeps_an_administrator(alice: User, bob: User, office: Provider, tenant: ExternalTenant) -> None:
    azure = make_azure(office, Right.MANAGE_PROVIDER, tenant=tenant)
    User.objects.filter(pk=alice.pk).update(blocked_at=timezone.now())
    with pytest.raises(LastAdministrator):
        users.change_login_method.change_to_website(azure, mobile_number=NUMBER, by=actor())
    assert User.objects.get(pk=azure.pk).is_azure_user
    User.objects.filter(pk=alice.pk).update(blocked_at=None, access_until=timezone.localdate())
    response = to_website(confirmed(alice), azure)
    assert response.status_code == 200
    assert response.context["form"].non_field_errors()
    assert not Message.objects.filter(kind="invitation").exists()
    IndividualRight.objects.create(provider=bob.provider, user=bob, right=Right.MANAGE_PROVIDER)
    assert to_website(confirmed(alice), azure).status_code == 302


def test_the_first_administrator_may_be_of_azure(office: Provider, tenant: ExternalTenant) -> None:
    Provider.objects.update(established_at=None)
    service = make_service(office)
    users.change_login_method.change_to_azure(service, tenant=tenant, external_user_id=OID, username=None, by=actor())
    office.refresh_from_db()
    assert office.established_at is None
    first = make_user(
        office, Right.MANAGE_PROVIDER, username=None, password="!", accepted_at=None, password_changed_at=None
    )
    users.change_login_method.change_to_azure(
        first, tenant=tenant, external_user_id=uuid4(), username="eerste", by=actor()
    )
    office.refresh_from_db()
    assert office.established_at is not None


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("external_tenant", "", "required"),
        ("external_tenant", str(OID), "invalid_choice"),
        ("external_user_id", "x", "invalid"),
        ("external_user_id", "\x00", "null_characters_not_allowed"),
        ("external_user_id", "🙂\u202e<b>", "invalid"),
    ],
)
def test_it_refuses_bad_accounts(
    alice: User, bob: User, tenant: ExternalTenant, field: str, value: str, code: str
) -> None:
    assert codes(to_azure(confirmed(alice), bob, tenant, **{field: value}), field) == [code]
    assert not changed()


def test_it_refuses_tenants_and_accounts_of_others(
    alice: User, bob: User, office: Provider, charlie: User, tenant: ExternalTenant
) -> None:
    client = confirmed(alice)
    for other in (tenant_of(charlie.provider), tenant_of(office, uuid4(), proved=False, name="Ander")):
        assert codes(to_azure(client, bob, other), "external_tenant") == ["invalid_choice"]
        with pytest.raises(ValidationError):
            users.change_login_method.change_to_azure(
                bob, tenant=other, external_user_id=OID, username=None, by=actor()
            )
    make_azure(charlie.provider, tenant=ExternalTenant.objects.get(provider=charlie.provider), external_user_id=OID)
    assert codes(to_azure(client, bob, tenant), "external_user_id") == ["account_taken"]
    with pytest.raises(ValidationError) as error:
        users.change_login_method.change_to_azure(bob, tenant=tenant, external_user_id=OID, username=None, by=actor())
    assert error.value.code == "account_taken"
    bob.refresh_from_db()
    assert bob.is_website_user


def test_a_tenant_that_goes_away_meanwhile_is_told(alice: User, bob: User, tenant: ExternalTenant) -> None:
    gone = ValidationError("", code="tenant")
    with patch("users.change_login_method.login_methods.get_usable_tenant", side_effect=gone):
        assert codes(to_azure(confirmed(alice), bob, tenant), "__all__") == ["tenant"]


@pytest.mark.parametrize("number", ["", "\x00", "038-1234567", "🙂", "a" * 5000])
def test_it_refuses_what_is_no_mobile_number(alice: User, office: Provider, number: str) -> None:
    azure = make_azure(office)
    assert to_website(confirmed(alice), azure, number).status_code == 200
    assert not changed()


def test_only_azure_users_go_to_the_website(alice: User, bob: User, office: Provider, settings: Any) -> None:
    client, service, azure = confirmed(alice), make_service(office), make_azure(office)
    for person in (bob, service):
        assert client.get(url(person, "change_to_website")).status_code == 404
        assert to_website(client, person).status_code == 404
        with pytest.raises(ValidationError) as error:
            users.change_login_method.change_to_website(person, mobile_number=NUMBER, by=actor())
        assert error.value.code == "kind"
    users.actions.block_user(azure, by=actor())
    assert codes(to_website(client, azure), "__all__") == ["no_access"]
    users.actions.unblock_user(azure, by=actor())
    settings.LOKET_SMS_PER_HOUR = 0
    assert codes(to_website(client, azure), "__all__") == ["throttled"]
    azure.refresh_from_db()
    assert azure.is_azure_user


def test_an_action_wants_a_username(alice: User, tenant: ExternalTenant) -> None:
    person = invite(alice).invitation.user
    for username, code in [(None, "no_username"), ("ab", "length"), ("alice", "taken")]:
        with pytest.raises(ValidationError) as error:
            users.change_login_method.change_to_azure(
                person, tenant=tenant, external_user_id=OID, username=username, by=actor()
            )
        assert error.value.code == code


def test_it_refuses_a_megabyte_and_a_missing_token(alice: User, bob: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    for name in ("change_to_azure", "change_to_website"):
        assert strict.post(url(bob, name), {}).status_code == 403
        assert confirmed(alice).post(url(bob, name), {"external_user_id": "x" * 2**20}).status_code in (400, 404)
