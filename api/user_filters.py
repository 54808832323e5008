"""The fields that lists of users can be filtered and sorted on."""

from uuid import UUID

from django.db.models import (
    BooleanField,
    Case,
    CharField,
    ExpressionWrapper,
    IntegerField,
    Q,
    QuerySet,
    Value,
    When,
)

from api import metadata
from api.filters import FieldType, FilterField
from core.keys import compute_email_key, compute_name_key, compute_username_key
from oauth.scopes import Scope
from permissions.models import Grant, TeamMember


def _list_memberships(provider_id: UUID) -> QuerySet[TeamMember]:
    return TeamMember.objects.filter(provider_id=provider_id)


def _list_grants(provider_id: UUID) -> QuerySet[Grant]:
    return Grant.objects.filter(provider_id=provider_id, at_employer=False)


_MICROSOFT = "azureActiveDirectory"
FILTER_FIELDS = {
    "id": FilterField("id", FieldType.ID),
    "userName": FilterField("username", key=compute_username_key),
    "loginMethod.key": FilterField(
        "login_method_key", FieldType.NUMBER, metadata.build_key_case("login_method", metadata.LOGIN_METHOD_KEYS)
    ),
    "loginMethod.code": FilterField("login_method", FieldType.KEY),
    "accessStatus.key": FilterField(
        "status_key", FieldType.NUMBER, metadata.build_key_case("status", metadata.ACCESS_STATUS_KEYS)
    ),
    "accessStatus.code": FilterField("status", FieldType.KEY),
    "accessStatus.name": FilterField("status_name", FieldType.KEY, metadata.build_status_name_case()),
    "personalDetails.initials": FilterField("initials"),
    "personalDetails.firstName": FilterField("first_name"),
    "personalDetails.prefix": FilterField("prefix"),
    "personalDetails.lastName": FilterField("last_name"),
    "contactInformation.emailAddress": FilterField("email", key=compute_email_key),
    "contactInformation.phoneNumber": FilterField("phone_number"),
    "contactInformation.placeOfEmployment": FilterField("place_of_employment"),
    f"{_MICROSOFT}.userId": FilterField("external_user_id", FieldType.ID),
    f"{_MICROSOFT}.tenant.id": FilterField("external_tenant", FieldType.ID),
    f"{_MICROSOFT}.tenant.description": FilterField("external_tenant__name", key=compute_name_key),
    f"{_MICROSOFT}.tenant.tenantRegistrationLevel": FilterField(
        "registration_level",
        FieldType.KEY,
        Case(When(external_tenant__isnull=False, then=Value("provider")), output_field=CharField()),
    ),
    "twoFactorAuthenticationRequired": FilterField("two_factor_required", FieldType.BOOLEAN),
    "hasMultiFactorAuthentication": FilterField(
        "has_factor",
        FieldType.BOOLEAN,
        ExpressionWrapper(Q(second_factor_at__isnull=False), output_field=BooleanField()),
    ),
    "hasAccessToPayrollingTestData": FilterField("has_access_to_test_years", FieldType.BOOLEAN),
    "hasIntegrations": FilterField("has_integrations", FieldType.BOOLEAN),
    "isDepartmentManager": FilterField(
        "is_department_manager", FieldType.BOOLEAN, Value(value=False, output_field=BooleanField())
    ),
    "isLinkedToMultipleEmployers": FilterField("has_several_employers", FieldType.BOOLEAN),
    "accessUntil": FilterField("access_until", FieldType.DATE),
    "dateTimeCreation": FilterField("created_at", FieldType.DATETIME),
    "dateTimeModified": FilterField("modified_at", FieldType.DATETIME),
    "dateTimeLastLogin": FilterField("last_login", FieldType.DATETIME),
    "userSpecifiedRole.key": FilterField("role_key", FieldType.NUMBER, Value(None, output_field=IntegerField())),
    "userSpecifiedRole.code": FilterField("role_code", FieldType.KEY, Value(None, output_field=CharField())),
    "userCustomSpecifiedRole": FilterField("role_name", FieldType.KEY, Value(None, output_field=CharField())),
    "teams.id": FilterField("team_id", FieldType.ID, related=_list_memberships, scope=Scope.TEAMS_READ),
    "teams.description": FilterField(
        "team__name", related=_list_memberships, key=compute_name_key, scope=Scope.TEAMS_READ
    ),
    "authorizations.code": FilterField("right", FieldType.KEY, related=_list_grants, scope=Scope.TEAMS_READ),
}
