"""Search in all offices: exact, or by the beginning of a name, so that indexes apply."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Lower

from accounts.models import ExternalTenant, Provider, User
from invitations.models import Invitation
from loket.text import fold, username_key
from outbox.models import Message
from webservice.models import Application

MOST = 50


def offices(text: str) -> list[UUID]:
    """Return the IDs of offices by ID or beginning of the name; without text the newest."""
    rows = Provider.objects.alias(lower=Lower("name"))
    return _found(rows, text, [Q(lower__startswith=text.lower())])


def people(text: str) -> list[UUID]:
    """Return the IDs of users by ID, username, e-mail or name ('boer', 'Boer, P. de' or 'P. de Boer').

    An exact username or e-mail comes before prefix matches. Without text, the newest. At most six queries.
    """
    rows = User.objects.filter(is_support=False).alias(address=Lower("email"))
    key = username_key(text)
    names = [Q(sort_name__startswith=name) for name in _names(text)]
    wanted = [Q(username_key=key), Q(address=Lower(Value(text))), *names, Q(username_key__startswith=key)]
    return _found(rows, text, wanted)


def _names(text: str) -> Iterable[str]:
    """Return the prefixes of `sort_name` (last name, prefix, initials) that the typed name may stand for."""
    last_name, comma, rest = fold(text).partition(",")
    words = last_name.split()
    if comma:  # Boer, P. de
        initials, prefix = rest.split()[:1], rest.split()[1:]
        yield " ".join([*words, *prefix, *initials])
    else:
        yield " ".join(words)
        if len(words) > 1:  # P. de Boer
            yield " ".join([words[-1], *words[1:-1], words[0]])


def tenants(text: str) -> list[UUID]:
    """Return the IDs of tenants by ID, Microsoft's tenant ID or office ID; without text the newest."""
    id_ = _id(text)
    return _found(ExternalTenant.objects.all(), text, [Q(tenant_id=id_) | Q(provider_id=id_)] if id_ else [])


def programs(text: str) -> list[UUID]:
    """Return the IDs of applications by ID, client ID, office ID or name prefix; without text the newest."""
    rows = Application.objects.registered().alias(lower=Lower("name"))
    id_ = _id(text)
    exact = [Q(provider_id=id_)] if id_ else []
    return _found(rows, text, [Q(client_id=text), *exact, Q(lower__startswith=text.lower())])


def invitations(text: str) -> list[UUID]:
    """Return the IDs of the invitations of users who match `text`; without text the newest."""
    return _found(Invitation.objects.all(), text, [Q(user_id__in=people(text))] if text else [])


def messages(text: str) -> list[UUID]:
    """Return the IDs of the messages to users who match `text`, newest first."""
    rows = Message.objects.filter(provider_id__isnull=False).order_by("-pk")
    if not text:
        return _found(rows, text, [])
    users = User.objects.filter(pk__in=people(text)).values_list("provider_id", "pk")
    pairs = list(users)
    of_people = Q(provider_id__in={office for office, _user in pairs}, user_id__in=[user for _office, user in pairs])
    return _found(rows, text, [of_people])


def _found(rows: QuerySet[Any], text: str, roads: Iterable[Q]) -> list[UUID]:
    if not text:
        return list(rows.order_by("-pk").values_list("pk", flat=True)[:MOST])
    ids: dict[UUID, None] = {}
    for road in [*([Q(pk=id_)] if (id_ := _id(text)) else []), *roads]:
        ids |= dict.fromkeys(rows.filter(road).values_list("pk", flat=True)[:MOST])
    return list(ids)[:MOST]


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
