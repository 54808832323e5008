"""Finding somebody or something in all offices: exact, or by how a name begins, as the indexes have it."""

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
    """Return the ids of offices by id or the beginning of the name; without text the youngest."""
    rows = Provider.objects.alias(lower=Lower("name"))
    return _found(rows, text, [Q(lower__startswith=text.lower())])


def people(text: str) -> list[UUID]:
    """Return the ids of people by id, username, address or name ('boer', 'Boer, P. de' or 'P. de Boer').

    A whole username or address comes before what begins with it. Without text the youngest. At most six queries.
    """
    rows = User.objects.filter(is_support=False).alias(address=Lower("email"))
    key = username_key(text)
    names = [Q(sort_name__startswith=name) for name in _names(text)]
    wanted = [Q(username_key=key), Q(address=Lower(Value(text))), *names, Q(username_key__startswith=key)]
    return _found(rows, text, wanted)


def _names(text: str) -> Iterable[str]:
    """Return how a name that was typed may begin in `sort_name`, which has last name, prefix and initials."""
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
    """Return the ids of tenants by id, Microsoft's id, or the office's id; without text the youngest."""
    id_ = _id(text)
    return _found(ExternalTenant.objects.all(), text, [Q(tenant_id=id_) | Q(provider_id=id_)] if id_ else [])


def programs(text: str) -> list[UUID]:
    """Return the ids of programs by id, client ID, office's id, or how the name begins; without text the youngest."""
    rows = Application.objects.registered().alias(lower=Lower("name"))
    id_ = _id(text)
    exact = [Q(provider_id=id_)] if id_ else []
    return _found(rows, text, [Q(client_id=text), *exact, Q(lower__startswith=text.lower())])


def invitations(text: str) -> list[UUID]:
    """Return the ids of the invitations of people who are found with `text`; without text the youngest."""
    return _found(Invitation.objects.all(), text, [Q(user_id__in=people(text))] if text else [])


def messages(text: str) -> list[UUID]:
    """Return the ids of the messages to people who are found with `text`, the youngest first."""
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
