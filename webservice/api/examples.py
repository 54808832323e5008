"""Example request bodies for the OpenAPI document. A test checks that each is valid."""

from typing import Any

_ID = "0196b2f0-7c1e-7d3a-9b57-2a6f0c1f8e11"
_PERSON = {"initials": "P.", "prefix": "de", "lastName": "Boer"}
_CONTACT = {"emailAddress": "p.deboer@devries.example", "phoneNumber": "0201234567", "placeOfEmployment": "Utrecht"}

EXAMPLES: dict[str, Any] = {
    "NewUser": {
        "loginMethod": {"key": "sso_webservice"},
        "personalDetails": {"initials": "K.", "lastName": "Uren"},
        "contactInformation": {"emailAddress": "koppeling@devries.example"},
        "hasAccessToPayrollingTestData": False,
        "ssoAccount": {"userName": "koppeling-uren", "password": "Zonnebloem-42-veld"},
    },
    "Invite": {
        "personalDetails": _PERSON,
        "contactInformation": _CONTACT,
        "destinationForSecret": "0612345678",
        "twoFactorAuthenticationRequired": True,
    },
    "UserChange": {
        "personalDetails": _PERSON | {"firstName": "Pieter"},
        "contactInformation": _CONTACT,
        "hasAccessToPayrollingTestData": False,
        "twoFactorAuthenticationRequired": True,
        "accessUntil": "2027-12-31",
    },
    "UserAction": {
        "action": "Resend",
        "resendInformation": {"destinationForSecret": "0612345678", "emailAddress": "p.deboer@devries.example"},
    },
    "ConfiguredTenant": {"tenant": {"id": _ID}, "userId": "6f1d7a52-38c4-4f0e-9b57-2a6f0c1f8e11"},
    "OwnChange": {"personalDetails": _PERSON, "contactInformation": _CONTACT},
    "Rights": {"authorizations": [{"key": "view_users"}, {"key": "view_teams"}]},
    "SignalChanges": {
        "notificationSettings": [
            {
                "notificationType": {"key": "fixed_term_end"},
                "isEnabled": True,
                "createNumberOfDaysBeforeEvent": 60,
                "sendMailWhenNotificationIsCreated": None,
            }
        ]
    },
    "NewTeam": {"description": "Loon Noord", "authorizationSet": {"id": _ID}},
    "TeamChange": {"description": "Loon Noord", "twoFactorAuthenticationRequired": True},
    "Contents": {"add": [{"id": _ID}], "remove": []},
    "NewEmployer": {"number": 1042, "description": "Bakkerij Smit B.V.", "products": [290]},
    "NewTicket": {"next": "/gebruikers/"},
    "Refusal": {
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
        "id": _ID,
        "userName": "p.deboer",
        "loginMethod": {"key": "website_sso", "value": "Via website en SSO"},
        "accessStatus": {"key": "HasAccessToClient", "value": "Heeft toegang"},
        "personalDetails": {"initials": "P.", "firstName": "Pieter", "prefix": "de", "lastName": "Boer"},
        "contactInformation": _CONTACT,
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
