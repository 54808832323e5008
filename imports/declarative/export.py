"""Export offices to a TOML file that declares their current state: applying it changes nothing."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

from django.db.models import Exists, OuterRef, QuerySet

from accounts.models import ExternalTenant, Provider, User
from imports.declarative.schema import SCHEMA_VERSION
from imports.plans.office_lookup import OfficeLookup
from imports.plans.team_plans import get_team_rights, get_team_values
from notifications import preferences
from notifications.preference_text import serialize_overrides
from permissions.catalog import rights_from_codes, sort_rights
from permissions.models import AuthorizationSet
from permissions.products import Product

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

_FETCH_SIZE = 1000  # fetched at a time
_KEYS_OMITTED_WHEN_EMPTY = (
    "phone_number", "place_of_employment", "has_access_to_test_years", "access_until", "two_factor_required",
)  # fmt: skip


def export_offices(offices: Iterable[Provider]) -> Iterator[str]:
    """Yield the lines of a file that declares `offices`, in a stable order."""
    yield f"format = {SCHEMA_VERSION}\n"
    for office in offices:
        yield from _render_table("office", _get_office_values(office))
        for tenant in ExternalTenant.objects.filter(provider=office).order_by("name_key", "pk"):
            yield from _render_table("office.tenant", {"tenant_id": str(tenant.tenant_id), "name": tenant.name})
        for set_ in AuthorizationSet.objects.filter(provider=office).order_by("name_key", "pk"):
            yield from _render_table("office.set", {"name": set_.name, "rights": sort_rights(set_.rights)})
        yield from _export_teams(office)
        for user in _list_users(office).iterator(_FETCH_SIZE):
            yield from _render_table("office.user", _get_user_values(user))


def _get_office_values(office: Provider) -> dict[str, Any]:
    several = Provider.objects.filter(name_key=office.name_key).count() > 1
    return {
        **({"id": str(office.pk)} if several else {}),
        "name": office.name,
        "invitation_days": office.invitation_days,
        "support_may_look": office.support_may_look,
        "erase_after_months": office.erase_after_months,
        "checkpoint_addresses": office.checkpoint_addresses.split(),
        "two_factor_managers": office.two_factor_managers,
        "two_factor_from": office.two_factor_from or "",
        "two_factor_days": office.two_factor_days or 0,
    }


def _export_teams(provider: Provider) -> Iterator[str]:
    office = OfficeLookup(provider)
    for number, employer in sorted(office.employers.items()):
        products = [Product(product).name.lower() for product in employer.products]
        yield from _render_table("office.employer", {"number": number, "name": employer.name, "products": products})
    for team in sorted(office.teams.values(), key=lambda team: (team.sort_name, team.pk)):
        yield from _render_table("office.team", get_team_values(team) | {"rights": sort_rights(get_team_rights(team))})


class _SharedAddress(TypedDict):
    """Whether another user has the same address."""

    shared: bool


_UserToExport: TypeAlias = "WithAnnotations[User, _SharedAddress]"


def _list_users(office: Provider) -> QuerySet[_UserToExport]:
    address = User.objects.filter(provider=office, email_key=OuterRef("email_key")).exclude(pk=OuterRef("pk"))
    rows: QuerySet[User] = User.objects.filter(provider=office)
    users = rows.annotate(shared=Exists(address)).order_by("sort_name", "pk")
    return users.prefetch_related("memberships__team", "individual_rights", "notification_settings")


def _get_user_values(user: _UserToExport) -> dict[str, Any]:
    values: dict[str, Any] = {"login_method": user.login_method}
    if user.is_website_user and user.shared:
        values["id"] = str(user.pk)
    if not user.is_website_user:
        values["username"] = user.username
    for name in ("initials", "prefix", "last_name", "first_name", "email"):
        values[name] = getattr(user, name)
    values |= {name: getattr(user, name) for name in _KEYS_OMITTED_WHEN_EMPTY if getattr(user, name)}
    if user.is_azure_user:
        values |= {"external_tenant": str(user.external_tid), "external_user_id": str(user.external_user_id)}
    values["teams"] = sorted(member.team.name for member in user.memberships.all())
    values["individual_rights"] = sort_rights(rights_from_codes(row.right for row in user.individual_rights.all()))
    if signals := serialize_overrides(preferences.load_overrides(user.notification_settings.all())):
        values["signals"] = signals
    return values | ({"blocked": True} if user.blocked_at is not None else {})


def _render_table(name: str, values: dict[str, Any]) -> Iterator[str]:
    yield f"\n[[{name}]]\n"
    for key, value in values.items():
        yield f"{key} = {_render_value(value)}\n"


def _render_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_render_value, value))}]"
    if isinstance(value, int):
        return str(value)
    return value.isoformat() if isinstance(value, date) else _render_string(str(value))


def _render_string(text: str) -> str:
    """Return a quoted TOML string, escaping quotation marks and unprintable characters."""
    marks = {'"': '\\"', "\\": "\\\\"}
    return '"' + "".join(marks.get(char, char if char.isprintable() else f"\\U{ord(char):08X}") for char in text) + '"'
