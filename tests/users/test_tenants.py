"""The tenants of an office: adding, renaming, removing, and confirmation by support."""

from uuid import UUID, uuid4

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

import authentication.microsoft.tenants
from accounts.models import ExternalTenant, Provider, User
from audit.models import Event, Verb
from tests.helpers.login_methods import TID, make_azure, tenant_of
from tests.helpers.responses import ClientResponse, codes
from tests.helpers.users import actor

pytestmark = pytest.mark.django_db
URL, ADD = "/kantoor/tenants/", reverse("users:add_tenant")


def url(tenant: ExternalTenant, name: str) -> str:
    return reverse(f"users:{name}", args=[tenant.pk])


def add(client: Client, name: str = "De Vries Groep", tenant_id: object = TID) -> ClientResponse:
    return client.post(ADD, {"name": name, "tenant_id": str(tenant_id)})


def verbs() -> list[str]:
    return list(Event.objects.order_by("id").values_list("verb", flat=True))


def test_it_needs_the_right(bob_client: Client, client: Client, office: Provider) -> None:
    tenant = tenant_of(office)
    for page in (URL, ADD, url(tenant, "rename_tenant"), url(tenant, "remove_tenant")):
        assert bob_client.get(page).status_code == 403
        assert bob_client.post(page, {"name": "x"}).status_code == 403
        assert client.get(page).status_code == 302
    assert not Event.objects.exists()


def test_it_shows_the_own_tenants_only(alice_client: Client, charlie_client: Client, office: Provider) -> None:
    assert alice_client.get(URL).status_code == 200
    tenant = tenant_of(office, name="<b>Groep</b>")
    make_azure(office, tenant=tenant)
    tenant_of(office, uuid4(), proved=False, name="Nog niet")
    rows = alice_client.get(URL).context["rows"]
    assert [(row.name, row.user_count, row.confirmed_at is None) for row in rows] == [
        ("<b>Groep</b>", 1, False), ("Nog niet", 0, True),
    ]  # fmt: skip
    assert "&lt;b&gt;Groep" in alice_client.get(URL).text
    assert not charlie_client.get(URL).context["rows"]
    for name in ("rename_tenant", "remove_tenant"):
        assert charlie_client.get(url(tenant, name)).status_code == 404
        assert charlie_client.post(url(tenant, name), {"name": "x"}).status_code == 404


def test_it_offers_to_confirm_where_microsoft_is_configured(
    alice_client: Client, office: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = tenant_of(office, proved=False)
    for configured in (True, False):
        monkeypatch.setattr("authentication.microsoft.oidc.is_configured", lambda configured=configured: configured)
        assert (reverse("authentication:confirm_tenant", args=[tenant.pk]) in alice_client.get(URL).text) is configured


@pytest.mark.parametrize("spelling", [str(TID).upper(), TID.hex, f"{{{TID}}}", f"urn:uuid:{TID}", f" {TID} "])
def test_it_adds_one_that_is_not_usable_yet(alice_client: Client, office: Provider, spelling: str) -> None:
    for _click in range(2):
        assert add(alice_client, tenant_id=spelling).headers["Location"] == URL
    tenant = ExternalTenant.objects.get()
    assert (tenant.provider, tenant.name, tenant.tenant_id) == (office, "De Vries Groep", TID)
    assert tenant.confirmed_at is None
    event = Event.objects.get()
    assert (event.verb, event.changes["tenant_id"]) == (Verb.TENANT_ADDED, [None, str(TID)])


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", "", "required"),
        ("name", "   ", "required"),
        ("name", "x" * 29, "max_length"),
        ("name", "a\x00", "null_characters_not_allowed"),
        ("name", "a\tb", "control_characters"),
        ("name", "a\u202eb", "direction"),
        ("tenant_id", "", "required"),
        ("tenant_id", "devries.onmicrosoft.com", "invalid"),
        ("tenant_id", "\x00", "null_characters_not_allowed"),
        ("tenant_id", "🙂", "invalid"),
        ("tenant_id", str(UUID(int=0)), "invalid"),
        ("tenant_id", "9188040d-6c67-4c5b-b112-36a304b66dad", "personal"),
        ("tenant_id", "{9188040D6C674C5BB11236A304B66DAD}", "personal"),
        ("tenant_id", "common", "word"),
        ("tenant_id", " Organizations", "word"),
        ("tenant_id", "consumers", "word"),
    ],
)
def test_it_refuses(alice_client: Client, field: str, value: str, code: str) -> None:
    response = add(alice_client, **{field: value})
    assert response.status_code == 200
    assert code in codes(response, field)
    assert not ExternalTenant.objects.exists()


def test_one_tenant_has_one_name_here_and_may_be_of_two_offices(alice_client: Client, charlie_client: Client) -> None:
    assert add(alice_client).status_code == 302
    assert codes(add(alice_client, name="Anders"), "tenant_id") == ["taken"]
    assert add(charlie_client).status_code == 302
    assert ExternalTenant.objects.count() == 2


def test_it_refuses_a_megabyte_and_a_missing_token(alice: User, office: Provider) -> None:
    tenant = tenant_of(office)
    strict, plain = Client(enforce_csrf_checks=True), Client()
    strict.force_login(alice)
    plain.force_login(alice)
    for page in (ADD, url(tenant, "rename_tenant"), url(tenant, "remove_tenant")):
        assert strict.post(page, {"name": "x"}).status_code == 403
        assert plain.post(page, {"name": "x" * 2**20}).status_code in (302, 400)
    assert plain.post(ADD, {"tenant_id": "x" * 2**20}).status_code == 400


def test_it_renames(alice_client: Client, office: Provider) -> None:
    tenant = tenant_of(office)
    assert alice_client.get(url(tenant, "rename_tenant")).context["form"]["name"].value() == "Groep"
    for _click in range(2):
        assert alice_client.post(url(tenant, "rename_tenant"), {"name": "🙂 Groep"}).headers["Location"] == URL
    assert ExternalTenant.objects.get().name == "🙂 Groep"
    assert Event.objects.get().changes == {"name": ["Groep", "🙂 Groep"]}
    assert codes(alice_client.post(url(tenant, "rename_tenant"), {"name": ""}), "name") == ["required"]


def test_it_removes_an_unused_tenant(alice_client: Client, office: Provider) -> None:
    tenant = tenant_of(office)
    first, second = (make_azure(office, tenant=tenant, username=f"azuur{n}") for n in range(2))
    assert " 2 " in alice_client.get(url(tenant, "remove_tenant")).context["confirmation"].note
    response = alice_client.post(url(tenant, "remove_tenant"))
    assert response.status_code == 200
    assert "2" in response.context["confirmation"].error
    first.delete()
    assert "1" in alice_client.post(url(tenant, "remove_tenant")).context["confirmation"].error
    second.delete()
    assert alice_client.post(url(tenant, "remove_tenant")).headers["Location"] == URL
    assert not ExternalTenant.objects.exists()
    assert verbs() == [Verb.TENANT_REMOVED]
    assert alice_client.post(url(tenant, "remove_tenant")).status_code == 404


def test_only_the_office_and_the_operator_act(alice: User, bob: User, charlie: User, office: Provider) -> None:
    tenant = tenant_of(office, proved=False)
    for by in (actor(bob), actor(charlie)):
        for act in (
            lambda by=by: authentication.microsoft.tenants.add_tenant(office, name="x", tenant_id=uuid4(), by=by),
            lambda by=by: authentication.microsoft.tenants.rename_tenant(tenant, name="x", by=by),
            lambda by=by: authentication.microsoft.tenants.remove_tenant(tenant, by=by),
            lambda by=by: authentication.microsoft.tenants.confirm_tenant(tenant, by=by, how="microsoft"),
        ):
            with pytest.raises(PermissionDenied):
                act()
    with pytest.raises(PermissionDenied):
        authentication.microsoft.tenants.confirm_tenant(tenant, by=actor(alice), how="support", reason="ik zeg het")
    with pytest.raises(ValueError, match="gissing"):
        authentication.microsoft.tenants.confirm_tenant(tenant, by=actor(alice), how="gissing")
    with pytest.raises(ValueError, match="why"):
        authentication.microsoft.tenants.confirm_tenant(tenant, by=actor(), how="support", reason=" ")
    assert verbs() == []


def test_support_confirms_with_a_reason(office: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    tenant = tenant_of(office, proved=False)
    for _twice in range(2):
        call_command("confirm_tenant", str(office.pk), str(TID).upper(), reason="Contract 2026-114")
    tenant.refresh_from_db()
    assert (tenant.confirmation_method, tenant.confirmed_at is not None) == ("support", True)
    event = Event.objects.get()
    assert (event.verb, event.reason, event.origin) == (Verb.TENANT_CONFIRMED, "Contract 2026-114", "command")
    assert capsys.readouterr().out.count("Groep") == 2


def test_support_gives_a_reason_for_a_tenant_that_is_there(office: Provider, charlie: User) -> None:
    tenant_of(office, proved=False)
    for provider_id, reason in [(office.pk, " "), (office.pk, "x" * 501), (charlie.provider_id, "goed")]:
        with pytest.raises(CommandError):
            call_command("confirm_tenant", str(provider_id), str(TID), reason=reason)
    assert not Event.objects.exists()
