"""Example bodies for the OpenAPI document. Tests check that each is valid."""

from typing import Any

_EXAMPLE_ID = "0196b2f0-7c1e-7d3a-9b57-2a6f0c1f8e11"
_PERSONAL_DETAILS = {"initials": "P.", "prefix": "de", "lastName": "Boer"}
_CONTACT_INFORMATION = {
    "emailAddress": "p.deboer@devries.example",
    "phoneNumber": "0201234567",
    "placeOfEmployment": "Utrecht",
}

SCHEMA_EXAMPLES: dict[str, Any] = {
    "UserCreate": {
        "loginMethod": {"key": 3},
        "personalDetails": {"initials": "K.", "lastName": "Uren"},
        "contactInformation": {"emailAddress": "koppeling@devries.example"},
        "hasAccessToPayrollingTestData": False,
        "ssoAccount": {"userName": "koppeling-uren", "password": "Zonnebloem-42-veld"},
    },
    "UserInvite": {
        "personalDetails": _PERSONAL_DETAILS,
        "contactInformation": _CONTACT_INFORMATION,
        "destinationForSecret": "0612345678",
        "twoFactorAuthenticationRequired": True,
    },
    "UserUpdate": {
        "personalDetails": _PERSONAL_DETAILS | {"firstName": "Pieter"},
        "contactInformation": _CONTACT_INFORMATION,
        "hasAccessToPayrollingTestData": False,
        "twoFactorAuthenticationRequired": True,
        "accessUntil": "2027-12-31",
    },
    "UserAction": {
        "action": "Resend",
        "resendInformation": {"destinationForSecret": "0612345678", "emailAddress": "p.deboer@devries.example"},
    },
    "PasswordUpdate": {"password": "Zonnebloem-42-veld", "previousPasswordValidUntil": "2027-12-31T17:00:00Z"},
    "ConfiguredTenantUpdate": {
        "externalTenant": {"id": _EXAMPLE_ID},
        "externalUser": {"id": "6f1d7a52-38c4-4f0e-9b57-2a6f0c1f8e11"},
    },
    "OwnUserUpdate": {"personalDetails": _PERSONAL_DETAILS, "contactInformation": _CONTACT_INFORMATION},
    "RightsUpdate": {"authorizations": [{"code": "view_users"}, {"code": "view_teams", "isEnabled": True}]},
    "NotificationSettingsUpdate": {
        "notifications": [
            {
                "notificationType": {"key": 7},
                "isEnabled": True,
                "createNumberOfDaysBeforeEvent": 60,
                "sendMailWhenNotificationIsCreated": None,
            }
        ]
    },
    "TeamCreate": {"description": "Loon Noord", "authorizationSet": {"id": _EXAMPLE_ID}},
    "TeamUpdate": {"description": "Loon Noord", "twoFactorAuthenticationRequired": True},
    "TeamContentsUpdate": {"add": [{"id": _EXAMPLE_ID}], "remove": []},
    "EmployerCreate": {"number": 1042, "companyName": "Bakkerij Smit B.V.", "products": [290]},
    "SsoTicketCreate": {"next": "/gebruikers/"},
    "ErrorResponse": {
        "version": {"resourceVersion": "2018-01-01", "obsoleteDate": None},
        "messages": [
            {
                "code": 1102,
                "id": None,
                "type": "BrokenBusinessRule",
                "description": "Deze gebruikersnaam is bezet. Kies een andere.",
                "properties": ["ssoAccount.userName"],
                "field": "ssoAccount.userName",
                "reason": "taken",
            }
        ],
    },
    "UserResource": {
        "id": _EXAMPLE_ID,
        "userName": "p.deboer",
        "loginMethod": {"key": 1, "value": "Via website en SSO", "code": "website_sso"},
        "accessStatus": {"key": 3, "value": "Heeft toegang", "code": "active", "name": "HasAccessToClient"},
        "personalDetails": {"initials": "P.", "firstName": "Pieter", "prefix": "de", "lastName": "Boer"},
        "contactInformation": _CONTACT_INFORMATION,
        "azureActiveDirectory": None,
        "twoFactorAuthenticationRequired": True,
        "hasMultiFactorAuthentication": True,
        "hasAccessToPayrollingTestData": False,
        "hasIntegrations": False,
        "isDepartmentManager": False,
        "isLinkedToMultipleEmployers": False,
        "accessUntil": None,
        "dateTimeCreation": "2026-11-24T09:30:00Z",
        "dateTimeModified": "2026-11-25T08:02:41Z",
        "dateTimeLastLogin": "2026-11-24T09:41:12Z",
        "userSpecifiedRole": None,
        "userCustomSpecifiedRole": None,
    },
}

# Values of fields in examples, by name; others are by type.
_FIELD_EXAMPLES: dict[str, Any] = {
    "resourceVersion": "2018-01-01",
    "currentPage": 1,
    "pageSize": 250,
    "totalPages": 1,
    "totalSize": 1,
    "messages": [],
    "companyName": "Bakkerij Smit B.V.",
    "description": "Loon Noord",
    "name": "Administratiekantoor De Vries",
    "formattedName": "P. de Boer",
    "code": "view_users",
    "value": "Raadplegen gebruikers AK",
    "scopes": ["users:read"],
    "number": 1042,
    "employerNumber": 1042,
    "senderEmail": "noreply@loket.example",
    "url": "https://loket.example/sso/5pJ2xW7c/",
}
_TYPE_EXAMPLES: dict[str, Any] = {
    "uuid": _EXAMPLE_ID,
    "date": "2027-12-31",
    "date-time": "2026-11-24T09:30:00Z",
    "string": "…",
    "integer": 1,
    "boolean": True,
    "object": {},
    "null": None,
}


def build_example(schema: dict[str, Any], schemas: dict[str, Any], name: str = "") -> Any:
    """Return an example of `schema`, of which `name` is the field: a declared example, or one value of each field."""
    reference = schema.get("$ref", "").rpartition("/")[2]
    if reference in SCHEMA_EXAMPLES:
        return SCHEMA_EXAMPLES[reference]
    if reference:
        return build_example(schemas[reference], schemas, name)
    if "anyOf" in schema:
        return build_example(schema["anyOf"][0], schemas, name)
    if name in _FIELD_EXAMPLES and schema.get("type") == _get_json_type(_FIELD_EXAMPLES[name]):
        return _FIELD_EXAMPLES[name]
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    if "properties" in schema:
        return {field: build_example(part, schemas, field) for field, part in schema["properties"].items()}
    if schema.get("type") == "array":
        return [build_example(schema["items"], schemas, name)]
    return _TYPE_EXAMPLES[schema.get("format", schema.get("type", "null"))]


def _get_json_type(value: Any) -> str:
    return {str: "string", int: "integer", list: "array", bool: "boolean"}[type(value)]
