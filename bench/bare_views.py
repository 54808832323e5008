"""Bare views for comparison: one query, no middleware, no sign-in, no translation."""

import json
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import path

from accounts.models import User
from api.user_schemas import annotate_users
from core.middleware import GetResponse
from core.paging import PAGE_SIZE
from scim import directory_rows
from scim.models import DirectoryConnection, DirectoryUser
from users.status import annotate_statuses


def bare_user_list(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Show the first page of users with the query of the user list."""
    users = annotate_statuses(User.objects.filter(provider_id=provider_id)).annotate(sort_key=F("sort_name"))
    rows = list(users.order_by("sort_key", "pk")[: PAGE_SIZE + 1])[:PAGE_SIZE]
    return render(request, "bare.html", {"rows": rows})


def bare_user_json(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Dump the first 250 users with the query of the REST API, and their total."""
    users = annotate_users(User.objects.filter(provider_id=provider_id))
    rows = [
        {
            "id": user.pk,
            "userName": user.username,
            "loginMethod": user.login_method,
            "accessStatus": user.status,
            "initials": user.initials,
            "firstName": user.first_name,
            "prefix": user.prefix,
            "lastName": user.last_name,
            "emailAddress": user.email,
            "phoneNumber": user.phone_number,
            "placeOfEmployment": user.place_of_employment,
            "tenant": user.external_tenant and user.external_tenant.name,
            "twoFactorAuthenticationRequired": user.two_factor_required,
            "hasMultiFactorAuthentication": user.second_factor_at is not None,
            "hasAccessToPayrollingTestData": user.has_access_to_test_years,
            "hasIntegrations": user.has_integrations,
            "isLinkedToMultipleEmployers": user.has_several_employers,
            "dateTimeCreation": user.created_at,
            "dateTimeModified": user.modified_at,
            "dateTimeLastLogin": user.last_login,
        }
        for user in users.order_by("sort_name", "pk")[:250]
    ]
    return JsonResponse({"totalSize": users.count(), "_embedded": rows})


def bare_directory_list(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Dump the first 100 users that a directory sees, its own and others, and their total, with equal queries."""
    connection = DirectoryConnection.objects.get(pk=connection_id)
    rows, others = directory_rows.list_directory_users(connection), directory_rows.list_other_users(connection)
    total, ids = directory_rows.find_page(rows, others, 0, 100)
    found: list[dict[str, Any]] = [
        {
            "id": row.pk,
            "userName": row.user_name,
            "externalId": row.external_id,
            **row.attributes,
            "active": row.user is not None and row.user.blocked_at is None,
            "meta": {"created": row.created_at, "lastModified": row.changed_at, "version": row.version},
        }
        for row in rows.filter(pk__in=ids)
    ]
    found += [
        {"id": user.pk, "userName": user.username, "active": user.blocked_at is None}
        for user in others.filter(pk__in=ids)
    ]
    return JsonResponse({"totalResults": total, "Resources": found})


def bare_directory_change(request: HttpRequest, connection_id: UUID, pk: UUID) -> HttpResponse:
    """Store another name of a user of a directory."""
    with transaction.atomic():
        row = DirectoryUser.objects.select_for_update().get(connection=connection_id, pk=pk)
        row.attributes["name"] |= json.loads(request.body)
        row.save()
        User.objects.filter(directory_users=row).update(version=F("version") + 1)
    return JsonResponse({})


def use_bare_urls(get_response: GetResponse) -> GetResponse:
    """Route requests to the bare views, which have no URL in the product."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.urlconf = "bench.bare_views"
        return get_response(request)

    return middleware


def use_admin_urls(get_response: GetResponse) -> GetResponse:
    """Route requests to Django admin's own changelist, as an anonymous user."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.urlconf, request.user = "bench.admin_changelist", AnonymousUser()
        return get_response(request)

    return middleware


urlpatterns = [
    path("bare/<uuid:provider_id>/", bare_user_list),
    path("bare/<uuid:provider_id>/json/", bare_user_json),
    path("bare/<uuid:connection_id>/directory/", bare_directory_list),
    path("bare/<uuid:connection_id>/directory/<uuid:pk>/", bare_directory_change),
    path("gebruikers/<uuid:pk>/", bare_user_list, name="person"),
]
