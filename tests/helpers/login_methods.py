"""A user of each login method, and a browser that has just re-authenticated."""

from uuid import UUID, uuid4

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import ExternalTenant, LoginMethod, Provider, User
from tests.helpers.users import PASSWORD, make_user

TID = UUID("6f1d7a52-38c4-4f0e-9b57-2a6f0c1f8e11")
PERSON = {"initials": "P.", "prefix": "de", "last_name": "Boer", "email": "p.deboer@devries.example"}
GOOD = "Regenboog-17"


def confirmed(user: User) -> Client:
    """Return a website user's browser, with the password entered just now."""
    client = Client()
    assert (
        client.post(reverse("authentication:login"), {"username": user.username, "password": PASSWORD}).status_code
        == 302
    )
    return client


def tenant_of(office: Provider, tenant_id: UUID = TID, *, proved: bool = True, name: str = "Groep") -> ExternalTenant:
    """Create a tenant of the office."""
    tenant = ExternalTenant(provider=office, name=name, tenant_id=tenant_id)
    if proved:
        tenant.confirmed_at, tenant.confirmation_method = timezone.now(), "microsoft"
    tenant.save()
    return tenant


def make_azure(office: Provider, *rights: str, tenant: ExternalTenant | None = None, **fields: object) -> User:
    """Create an "Azure AD only" user."""
    values: dict[str, object] = {
        "login_method": LoginMethod.AZURE_AD,
        "username": "azuur",
        "password": "!",
        "password_changed_at": None,
        "external_tenant": tenant or tenant_of(office),
        "external_user_id": uuid4(),
    }
    return make_user(office, *rights, **(values | fields))  # type: ignore[arg-type]


def make_service(office: Provider, **fields: object) -> User:
    """Create an "SSO/Webservice only" user."""
    return make_user(office, login_method=LoginMethod.SSO_WEBSERVICE, **({"username": "dienst 1"} | fields))
