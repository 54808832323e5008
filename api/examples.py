"""Example request bodies for the OpenAPI document. A test checks that each is valid."""

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
        "dateTimeLastLogin": "2026-11-24T09:41:12Z",
        "userSpecifiedRole": None,
        "userCustomSpecifiedRole": None,
    },
}
