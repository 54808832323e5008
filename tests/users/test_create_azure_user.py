"""Creating an "Azure AD only" user."""

from unittest.mock import patch
from uuid import UUID, uuid4

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.urls import reverse

import users.login_methods
from accounts.models import LoginMethod, Provider, User
from audit.models import Event, Verb
from outbox.models import Message
from tests.helpers.login_methods import PERSON, TID, make_azure, make_service, tenant_of
from tests.helpers.responses import ClientResponse, codes
from tests.helpers.users import actor, letter

pytestmark = pytest.mark.django_db
URL = "/gebruikers/nieuw/azure/"
OID = UUID("2b1e9c04-77ad-4c3b-8d10-5e90f2a4c10a")


def send(client: Client, **values: object) -> ClientResponse:
    form = client.get(URL).context["form"]
    tenants = list(form.fields["external_tenant"].queryset)
    data = PERSON | {
        "concept": form["concept"].value(),
        "username": "p.deboer@devries.example",
        "external_tenant": str(tenants[0].pk) if tenants else "",
        "external_user_id": str(OID),
    }
    return client.post(URL, data | values)


def test_it_needs_the_right(bob_client: Client, client: Client) -> None:
    assert bob_client.get(URL).status_code == bob_client.post(URL, PERSON).status_code == 403
    assert client.get(URL).status_code == 302


@pytest.mark.parametrize("spelling", [
    str(OID), str(OID).upper(), OID.hex, f"{{{OID}}}", f"urn:uuid:{OID}", f"  {OID}\n", f"{{{OID.hex.upper()}}}",
])  # fmt: skip
def test_it_makes_the_user_from_any_usual_spelling(alice_client: Client, office: Provider, spelling: str) -> None:
    tenant = tenant_of(office)
    response = send(alice_client, external_user_id=spelling)
    assert response.headers["Location"] == reverse("users:user_list")
    user = User.objects.get(login_method=LoginMethod.AZURE_AD)
    assert (user.external_tenant, user.external_tid, user.external_user_id) == (tenant, TID, OID)
    assert not user.has_password
    message = Message.objects.get()
    assert (message.kind, message.recipient) == ("microsoft", user.email)
    assert reverse("authentication:login") in letter(message)
    event = Event.objects.get()
    assert event.verb == Verb.USER_CREATED
    assert event.changes["external_user_id"] == [None, str(OID)]
    for name in ("user_detail", "login_method"):
        text = alice_client.get(reverse(f"users:{name}", args=[user.pk])).text
        assert str(OID) in text
        assert "Groep" in text
    assert "Groep" in alice_client.get(reverse("users:user_list")).text


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("initials", "", "required"),
        ("username", "", "required"),
        ("username", "ab", "length"),
        ("username", "a\x00b", "null_characters_not_allowed"),
        ("external_tenant", "", "required"),
        ("external_tenant", "x", "invalid"),
        ("external_tenant", "\x00", "null_characters_not_allowed"),
        ("external_tenant", str(OID), "invalid_choice"),
        ("external_user_id", "", "required"),
        ("external_user_id", "x", "invalid"),
        ("external_user_id", "🙂" * 36, "invalid"),
        ("external_user_id", "\x00", "null_characters_not_allowed"),
        ("external_user_id", str(OID)[:-1], "invalid"),
        ("external_user_id", str(OID) + "0", "invalid"),
        ("external_user_id", "{" + str(OID), "invalid"),
        ("external_user_id", "٢" * 32, "invalid"),
        ("external_user_id", "0x" + "1" * 30, "invalid"),
        ("external_user_id", "1_" * 16, "invalid"),
        ("external_user_id", str(UUID(int=0)), "invalid"),
        ("external_user_id", "p.deboer@devries.example", "invalid"),
        ("two_factor_required", "on", "two_factor_required"),
    ],
)
def test_it_refuses_bad_input(alice_client: Client, office: Provider, field: str, value: str, code: str) -> None:
    tenant_of(office)
    response = send(alice_client, **{field: value})
    assert response.status_code == 200
    assert code in codes(response, "__all__" if field == "two_factor_required" else field)
    assert User.objects.count() == 1
    assert not Message.objects.exists()


def test_it_refuses_a_megabyte_and_a_missing_token(alice: User) -> None:
    strict, plain = Client(enforce_csrf_checks=True), Client()
    strict.force_login(alice)
    plain.force_login(alice)
    assert strict.post(URL, PERSON).status_code == 403
    assert plain.post(URL, PERSON | {"external_user_id": "x" * 2**20}).status_code == 400


def test_a_tenant_of_another_office_or_without_proof_is_no_choice(
    alice_client: Client, office: Provider, charlie: User
) -> None:
    others, unproved = tenant_of(charlie.provider), tenant_of(office, uuid4(), proved=False)
    for tenant in (others, unproved):
        assert codes(send(alice_client, external_tenant=str(tenant.pk)), "external_tenant") == ["invalid_choice"]
        with pytest.raises(ValidationError) as error:
            users.login_methods.create_azure_user(
                office, details=PERSON, username="azuur", tenant=tenant, external_user_id=OID, by=actor()
            )
        assert error.value.code == "tenant"
    assert str(others.tenant_id) not in alice_client.get(URL).text


def test_an_account_belongs_to_one_user_in_all_offices(alice_client: Client, office: Provider, charlie: User) -> None:
    make_azure(charlie.provider, external_user_id=OID)
    tenant = tenant_of(office)
    response = send(alice_client)
    assert codes(response, "external_user_id") == ["account_taken"]
    assert "Smit" not in response.text
    with pytest.raises(ValidationError) as error:
        users.login_methods.create_azure_user(
            office, details=PERSON, username="vrij", tenant=tenant, external_user_id=OID, by=actor()
        )
    assert error.value.code == "account_taken"


def test_a_concurrent_creation_is_reported(office: Provider, charlie: User) -> None:
    make_azure(charlie.provider, external_user_id=OID)
    tenant = tenant_of(office)
    taken = ValidationError("", code="account_taken")
    with (
        patch("users.login_methods._require_unique", side_effect=[None, taken]),
        pytest.raises(ValidationError),
    ):
        users.login_methods.create_azure_user(
            office, details=PERSON, username="vrij", tenant=tenant, external_user_id=OID, by=actor()
        )
    assert not Message.objects.exists()


def test_sending_twice_is_one_result(alice_client: Client, office: Provider) -> None:
    tenant_of(office)
    concept = alice_client.get(URL).context["form"]["concept"].value()
    for _click in range(2):
        assert send(alice_client, concept=concept).status_code == 302
    assert User.objects.filter(login_method=LoginMethod.AZURE_AD).count() == Message.objects.count() == 1


def test_the_form_of_the_other_kind_counts_for_nothing(alice_client: Client, office: Provider) -> None:
    tenant_of(office)
    concept = alice_client.get(reverse("users:create_webservice_user")).context["form"]["concept"].value()
    assert codes(send(alice_client, concept=concept), "concept") == ["concept"]


def test_the_same_id_makes_no_other_person(office: Provider, charlie: User) -> None:
    known = make_service(charlie.provider)
    with pytest.raises(ValidationError) as error:
        users.login_methods.create_azure_user(
            office, details=PERSON, username="azuur", tenant=tenant_of(office), external_user_id=OID, by=actor(),
            user_id=known.pk,
        )  # fmt: skip
    assert error.value.code == "used"


@pytest.mark.parametrize("configured", [True, False])
def test_it_says_whether_microsoft_is_configured(alice_client: Client, office: Provider, configured: bool) -> None:
    with patch("authentication.microsoft.oidc.is_configured", return_value=configured):
        response = alice_client.get(URL)
        assert response.context["is_configured"] == configured
        assert reverse("users:tenant_list") in response.text
        tenant_of(office)
        assert send(alice_client).status_code == 302


def test_users_of_another_office_cannot_be_created(alice: User, charlie: User) -> None:
    tenant = tenant_of(charlie.provider)
    with pytest.raises(PermissionDenied):
        users.login_methods.create_azure_user(
            charlie.provider, details=PERSON, username="vreemd", tenant=tenant, external_user_id=OID, by=actor(alice)
        )
