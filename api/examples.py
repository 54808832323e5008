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
        "loginMethod": {"key": "sso_webservice"},
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
    "ConfiguredTenantUpdate": {"tenant": {"id": _EXAMPLE_ID}, "userId": "6f1d7a52-38c4-4f0e-9b57-2a6f0c1f8e11"},
    "OwnUserUpdate": {"personalDetails": _PERSONAL_DETAILS, "contactInformation": _CONTACT_INFORMATION},
    "RightsUpdate": {"authorizations": [{"key": "view_users"}, {"key": "view_teams"}]},
    "NotificationSettingsUpdate": {
        "notificationSettings": [
            {
                "notificationType": {"key": "fixed_term_end"},
                "isEnabled": True,
                "createNumberOfDaysBeforeEvent": 60,
                "sendMailWhenNotificationIsCreated": None,
            }
        ]
    },
    "TeamCreate": {"description": "Loon Noord", "authorizationSet": {"id": _EXAMPLE_ID}},
    "TeamUpdate": {"description": "Loon Noord", "twoFactorAuthenticationRequired": True},
    "TeamContentsUpdate": {"add": [{"id": _EXAMPLE_ID}], "remove": []},
    "EmployerCreate": {"number": 1042, "description": "Bakkerij Smit B.V.", "products": [290]},
    "SsoTicketCreate": {"next": "/gebruikers/"},
    "ErrorResponse": {
        "version": "2018-01-01",
        "messages": [
            {
                "code": "taken",
                "type": "BrokenBusinessRule",
                "description": "Deze gebruikersnaam is bezet. Kies een andere.",
                "field": "ssoAccount.userName",
            }
        ],
    },
    "UserResource": {
        "id": _EXAMPLE_ID,
        "userName": "p.deboer",
        "loginMethod": {"key": "website_sso", "value": "Via website en SSO"},
        "accessStatus": {"key": "HasAccessToClient", "value": "Heeft toegang"},
        "personalDetails": {"initials": "P.", "firstName": "Pieter", "prefix": "de", "lastName": "Boer"},
        "contactInformation": _CONTACT_INFORMATION,
        "azureActiveDirectory": None,
        "twoFactorAuthenticationRequired": True,
        "hasMultiFactorAuthentication": True,
        "hasAccessToPayrollingTestData": False,
        "hasIntegrations": False,
        "accessUntil": None,
        "dateTimeCreation": "2026-11-24T09:30:00Z",
        "dateTimeLastLogin": "2026-11-24T09:41:12Z",
        "userSpecifiedRole": None,
        "userCustomSpecifiedRole": None,
    },
}
