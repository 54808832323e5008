"""Search in all offices: exact, or by the beginning of a name, so that indexes apply."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.models import ExternalTenant, Provider, User
from accounts.search import list_sort_name_prefixes
from core.keys import compute_email_key, compute_name_key, compute_search_key, compute_username_key
from invitations.models import Invitation
from oauth.models import Application
from outbox.models import Message

MAX_RESULTS = 50


def search_offices(text: str) -> list[UUID]:
    return _collect_ids(Provider.objects.all(), text, [Q(sort_name__startswith=compute_search_key(text))])


def search_users(text: str) -> list[UUID]:
    """Return the IDs of users by ID, ID of the office, username, e-mail or name ('boer', 'Boer, P. de', 'P. de Boer').

    An exact username or e-mail comes before prefix matches. Without text, the newest. At most seven queries.
    """
    rows = User.objects.filter(is_support=False)
    key = compute_username_key(text)
    names = [Q(sort_name__startswith=name) for name in list_sort_name_prefixes(text)]
    exact = [Q(username_key=key), Q(email_key=compute_email_key(text))]
    of_office = [Q(provider_id=id_)] if (id_ := _parse_uuid(text)) else []
    return _collect_ids(rows, text, [*of_office, *exact, *names, Q(username_key__startswith=key)])


def search_tenants(text: str) -> list[UUID]:
    id_ = _parse_uuid(text)
    return _collect_ids(ExternalTenant.objects.all(), text, [Q(tenant_id=id_) | Q(provider_id=id_)] if id_ else [])


def search_applications(text: str) -> list[UUID]:
    rows = Application.objects.registered()
    id_ = _parse_uuid(text)
    exact = [Q(provider_id=id_)] if id_ else []
    return _collect_ids(rows, text, [Q(client_id=text), *exact, Q(name_key__startswith=compute_name_key(text))])


def search_invitations(text: str) -> list[UUID]:
    return _collect_ids(Invitation.objects.all(), text, [Q(user_id__in=search_users(text))] if text else [])


def search_messages(text: str) -> list[UUID]:
    rows = Message.objects.filter(provider_id__isnull=False).order_by("-pk")
    if not text:
        return _collect_ids(rows, text, [])
    pairs = list(User.objects.filter(pk__in=search_users(text)).values_list("provider_id", "pk"))
    to_users = Q(provider_id__in={office for office, _user in pairs}, user_id__in=[user for _office, user in pairs])
    return _collect_ids(rows, text, [to_users])


def _collect_ids(rows: QuerySet[Any], text: str, filters: Iterable[Q]) -> list[UUID]:
    if not text:
        return list(rows.order_by("-pk").values_list("pk", flat=True)[:MAX_RESULTS])
    ids: dict[UUID, None] = {}
    for condition in [*([Q(pk=id_)] if (id_ := _parse_uuid(text)) else []), *filters]:
        ids |= dict.fromkeys(rows.filter(condition).values_list("pk", flat=True)[:MAX_RESULTS])
    return list(ids)[:MAX_RESULTS]


def _parse_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
