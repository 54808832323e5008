"""Export offices to a TOML file that declares their current state: applying it changes nothing."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Lower

from accounts.models import ExternalTenant, Provider, User
from bulk.office_files import FORMAT
from bulk.team_plans import Office, present_of
from notifications import wishes
from notifications.written import coded
from teams.catalogue import known, ordered
from teams.models import AuthorizationSet
from teams.products import Product

_ROWS = 1000  # fetched at a time
_WHERE_FILLED = (
    "phone_number", "place_of_employment", "has_access_to_test_years", "access_until", "two_factor_required",
)  # fmt: skip


def lines(offices: Iterable[Provider]) -> Iterator[str]:
    """Yield the lines of a file that declares `offices`, in a stable order."""
    yield f"format = {FORMAT}\n"
    for office in offices:
        yield from _table("office", _settings(office))
        for tenant in ExternalTenant.objects.filter(provider=office).order_by("name", "pk"):
            yield from _table("office.tenant", {"tenant_id": str(tenant.tenant_id), "name": tenant.name})
        for one in AuthorizationSet.objects.filter(provider=office).order_by(Lower("name"), "pk"):
            yield from _table("office.set", {"name": one.name, "rights": ordered(one.rights)})
        yield from _teams(office)
        for user in _people(office).iterator(_ROWS):
            yield from _table("office.user", _user(user))


def _settings(office: Provider) -> dict[str, Any]:
    several = Provider.objects.filter(name=office.name).count() > 1
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


def _teams(provider: Provider) -> Iterator[str]:
    office = Office(provider)
    for number, employer in sorted(office.employers.items()):
        products = [Product(product).name.lower() for product in employer.products]
        yield from _table("office.employer", {"number": number, "name": employer.name, "products": products})
    for team in sorted(office.teams.values(), key=lambda team: (team.sort_name, team.pk)):
        given = known(row.right for row in team.rights.all())
        yield from _table("office.team", present_of(team) | {"rights": ordered(given)})


def _people(office: Provider) -> QuerySet[User]:
    """Return the users of an office by name, annotated with `shared`: whether another user has the same address."""
    address = User.objects.filter(provider=office, email__iexact=OuterRef("email")).exclude(pk=OuterRef("pk"))
    people = User.objects.filter(provider=office).annotate(shared=Exists(address)).order_by("sort_name", "pk")
    return people.prefetch_related("memberships__team", "individual_rights", "signal_settings")


def _user(user: User) -> dict[str, Any]:
    found: dict[str, Any] = {"login_method": user.login_method}
    if user.is_website_user and user.shared:  # type: ignore[attr-defined]
        found["id"] = str(user.pk)
    if not user.is_website_user:
        found["username"] = user.username
    for name in ("initials", "prefix", "last_name", "first_name", "email"):
        found[name] = getattr(user, name)
    found |= {name: getattr(user, name) for name in _WHERE_FILLED if getattr(user, name)}
    if user.is_azure_user:
        found |= {"external_tenant": str(user.external_tid), "external_user_id": str(user.external_user_id)}
    found["teams"] = sorted(member.team.name for member in user.memberships.all())
    found["individual_rights"] = ordered(known(row.right for row in user.individual_rights.all()))
    if signals := coded(wishes.read(user.signal_settings.all())):
        found["signals"] = signals
    return found | ({"blocked": True} if user.blocked_at is not None else {})


def _table(name: str, values: dict[str, Any]) -> Iterator[str]:
    yield f"\n[[{name}]]\n"
    for key, value in values.items():
        yield f"{key} = {_written(value)}\n"


def _written(value: Any) -> str:
    """Return a value as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, int):
        return str(value)
    return value.isoformat() if isinstance(value, date) else _string(str(value))


def _string(text: str) -> str:
    """Return a quoted TOML string, escaping quotation marks and unprintable characters."""
    marks = {'"': '\\"', "\\": "\\\\"}
    return '"' + "".join(marks.get(char, char if char.isprintable() else f"\\U{ord(char):08X}") for char in text) + '"'
