"""The published API: the fields and operations of each resource that has a counterpart in ours.

A name with `?` can be null. A value is a type, the members of an object, or a list with the members of its elements. A
type is that of JSON, or the format of a string; behind it the smallest and largest length or number, for what is sent.
"""

from typing import Any

Shape = dict[str, Any]

_KEY = {"key": "integer", "value": "string"}
_CONTACT = {"emailAddress": "string ..255", "phoneNumber?": "string 1..15", "placeOfEmployment?": "string 1..24"}
_NAME = {"initials": "string 1..6", "lastName": "string 1..25", "prefix?": "string 1..10"}
_REFERENCE = {"id": "uuid", "description": "string"}
_RIGHT = {"availableForEmployerUser": "boolean", "description": "string", "id": "uuid", "isEnabled": "boolean"}
_SIGNAL = {
    "createNumberOfDaysBeforeEvent": "integer 0..99",
    "isEnabled": "boolean",
    "notificationType?": _KEY,
    "receiveDepartmentSignalsOnly": "boolean",
    "sendMailWhenNotificationIsCreated": "boolean",
}
_COUNTRY = _KEY | {"isoCode": "string"}
_ADDRESS = {
    "city": "string ..24",
    "country": _COUNTRY,
    "furtherIndication?": _KEY,
    "houseNumber": "integer",
    "houseNumberAddition?": "string ..4",
    "location?": "string ..35",
    "postalCode": "string ..9",
    "province?": {"key?": "integer", "value?": "string"},
    "street": "string ..24",
}
_POSTAL_ADDRESS = {name: shape for name, shape in _ADDRESS.items() if name not in ("province?", "street")}
_POSTAL_ADDRESS |= {"poBox?": "integer", "street?": "string ..24"}

VERSION: Shape = {"obsoleteDate?": "date", "resourceVersion": "date"}
MESSAGES: list[Shape] = [
    {"code": "integer", "description": "string", "id?": "uuid", "properties": ["string"], "type": "string"}
]
PAGING: Shape = {"currentPage": "integer", "pageSize": "integer", "totalPages": "integer", "totalSize": "integer"}

SHAPES: dict[str, Shape] = {
    "EMPTY": {},
    "FIELD": {"field": "string", "options": [_KEY]},
    "PROVIDER": {"id": "uuid", "name": "string"},
    "USER": {
        "accessStatus": _KEY,
        "azureActiveDirectory?": {
            "tenant": {"description": "string", "id": "uuid", "tenantRegistrationLevel": "string"},
            "userId": "string",
        },
        "contactInformation": _CONTACT,
        "dateTimeCreation": "date-time",
        "dateTimeLastLogin?": "date-time",
        "hasAccessToPayrollingTestData": "boolean",
        "hasIntegrations": "boolean",
        "hasMultiFactorAuthentication": "boolean",
        "id": "uuid",
        "isDepartmentManager": "boolean",
        "isLinkedToMultipleEmployers": "boolean",
        "loginMethod": _KEY,
        "personalDetails": _NAME | {"firstName?": "string 1..28"},
        "twoFactorAuthenticationRequired": "boolean",
        "userCustomSpecifiedRole?": "string ..50",
        "userName?": "string 3..50",
        "userSpecifiedRole?": _KEY,
    },
    "NEWUSER": {
        "azureActiveDirectory?": {"externalUserId": "uuid", "tenant": {"id": "uuid"}, "userName": "string 3..50"},
        "contactInformation": _CONTACT,
        "hasAccessToPayrollingTestData": "boolean",
        "id": "uuid",
        "loginMethod": _KEY,
        "personalDetails": _NAME,
        "ssoAccount?": {"password": "string 8..255", "userName": "string 3..50"},
    },
    "INVITE": {
        "contactInformation": _CONTACT,
        "destinationForSecret": "string 3..15",
        "hasAccessToPayrollingTestData": "boolean",
        "personalDetails": _NAME,
        "twoFactorAuthenticationRequired": "boolean",
    },
    "USERACTION": {
        "action": "string",
        "resendInformation?": {
            "destinationForSecret": "string 3..15",
            "emailAddress": "string ..255",
            "employerId": "uuid",
            "twoFactorAuthenticationRequired": "boolean",
        },
    },
    "TENANT": {"externalId": "uuid", "id": "uuid", "name?": "string"},
    "TENANTLINK": {"externalTenant?": {"id": "uuid", "name": "string"}, "externalUser?": {"id": "uuid"}},
    "ACTIVITY": {"description": "string", "id": "uuid"},
    "RIGHT": _RIGHT,
    "RIGHTSET": {"authorizations": [_RIGHT], "description": "string", "id": "uuid"},
    "RIGHTS": {"authorizationSet?": _REFERENCE, "authorizations": [_RIGHT]},
    "SETREF": _REFERENCE,
    "SIGNAL": _SIGNAL,
    "SIGNALSET": {
        "description": "string",
        "id": "uuid",
        "notifications": [_SIGNAL],
        "numberOfLinkedEmployerUsers": "integer",
    },
    "SIGNALS": {"notificationSet?": _REFERENCE, "notifications": [_SIGNAL]},
    "TEMPLATE": {
        "category": _KEY,
        "definedAtLevel": "string",
        "dependsOnModule": _REFERENCE,
        "email": {"body": "string", "senderEmail": "string", "subject": "string"},
        "isEmailTemplateEditable": "boolean",
        "type": _REFERENCE | {"sortOrder": "integer"},
    },
    "SELF": {
        "contactInformation?": _CONTACT,
        "personalDetails?": _NAME | {"firstName?": "string ..28"},
        "photo?": "string",
        "user?": {"userCustomSpecifiedRole?": "string ..50", "userSpecifiedRole?": _KEY},
    },
    "OTHER": {
        "personalDetails?": {
            "firstName?": "string",
            "formattedName": "string",
            "initials": "string",
            "lastName": "string",
            "prefix?": "string",
        },
    },
    "INTEGRATION": {
        "application": {"id": "uuid", "isBlocked": "boolean", "logo?": "string", "name?": "string"},
        "createdOn": "date-time",
        "isBlocked": "boolean",
        "lastLogin?": "date-time",
    },
    "EMPLOYER": {
        "address": _ADDRESS,
        "branch?": _KEY,
        "chamberOfCommerceNumber?": "string ..35",
        "companyName": "string ..70",
        "contact?": {"function?": "string ..50", "name?": "string ..50", "phoneNumber?": "string ..15"},
        "contactInformation?": {
            "emailAddress?": "string ..255",
            "faxNumber?": "string ..15",
            "phoneNumber?": "string ..15",
            "website?": "string ..255",
        },
        "deviatingPostalAddress?": _POSTAL_ADDRESS,
        "employerLogo?": "string",
        "employerNumber": "integer",
        "id": "uuid",
        "legalForm?": _KEY,
        "providerLogo?": "string",
        "providerSettings": {
            "administrationNumber?": "string ..15",
            "groupCode?": "integer",
            "parentEmployerForConsolidatedOverviews?": "integer",
            "sendEmailWhenSalarySlipIsAvailable": "boolean",
        },
        "sbi?": _KEY | {"sbiCode": "string ..32"},
    },
    "WORKPLACE": {
        "address": {"city": "string", "houseNumber": "integer", "postalCode": "string", "street": "string"},
        "branch?": _KEY,
        "companyName": "string",
        "contact": {"name?": "string", "phoneNumber?": "string"},
        "contactInformation": {"phoneNumber?": "string"},
        "employerLogo?": "string",
        "id": "uuid",
        "providerLogo?": "string",
        "providerSettings": {"administrationNumber?": "string", "groupCode?": "integer"},
    },
}

# Method, our path, status, envelope, shape of the response, shape of the request. FILTERED takes all parameters of a
# list, LIST those of a page, DETAIL none; a content with `?` can be null.
OPERATIONS = (
    ("get", "/providers", 200, "FILTERED", "PROVIDER", None),
    ("get", "/providers/{provider_id}/users", 200, "FILTERED", "USER", None),
    ("post", "/providers/{provider_id}/users", 201, "ONE", "USER", "NEWUSER"),
    ("post", "/providers/{provider_id}/users/invite", 201, "ONE", "USER", "INVITE"),
    ("get", "/providers/users/{user_id}", 200, "ONE", "USER", None),
    ("put", "/providers/users/{user_id}", 202, "ONE", "EMPTY", "USER"),
    ("patch", "/providers/users/{user_id}", 200, "ONE", "USER", "USERACTION"),
    ("delete", "/providers/users/{user_id}", 200, "ONE", "EMPTY", None),
    ("get", "/providers/users/{user_id}/configuredexternaltenant", 200, "ONE", "TENANTLINK", None),
    ("patch", "/providers/users/{user_id}/configuredexternaltenant", 201, "ONE", "TENANTLINK", "TENANTLINK"),
    ("get", "/providers/{provider_id}/externaltenants", 200, "LIST", "TENANT", None),
    ("get", "/providers/{provider_id}/authorizations", 200, "LIST", "ACTIVITY", None),
    ("get", "/providers/{provider_id}/authorizationsets", 200, "FILTERED", "RIGHTSET", None),
    ("get", "/providers/authorizationsets/{set_id}", 200, "ONE", "RIGHTSET", None),
    ("get", "/providers/users/{user_id}/authorizations", 200, "FILTERED", "RIGHT", None),
    ("patch", "/providers/users/{user_id}/authorizations", 200, "ONE", "EMPTY", "RIGHTS"),
    ("get", "/providers/users/{user_id}/authorizationset", 200, "PAGED", "SETREF?", None),
    ("get", "/providers/{provider_id}/notificationsets", 200, "FILTERED", "SIGNALSET", None),
    ("get", "/providers/notificationsets/{notification_set_id}", 200, "ONE", "SIGNALSET", None),
    ("get", "/providers/users/{user_id}/notificationsettings", 200, "FILTERED", "SIGNAL", None),
    ("patch", "/providers/users/{user_id}/notificationsettings", 200, "ONE", "EMPTY", "SIGNALS"),
    ("get", "/providers/users/{user_id}/notificationset", 200, "PAGED", "SETREF?", None),
    ("get", "/providers/{provider_id}/emailtemplates", 200, "FILTERED", "TEMPLATE", None),
    ("get", "/providers/{provider_id}/emailtemplates/{email_template_id}", 200, "DETAIL", "TEMPLATE", None),
    ("get", "/user", 200, "ONE", "SELF", None),
    ("get", "/user/{user_id}", 200, "ONE", "OTHER", None),
    ("put", "/user/{user_id}", 200, "ONE", "SELF", "SELF"),
    ("get", "/users/integrations", 200, "UNPAGED", "INTEGRATION", None),
    ("get", "/providers/users/{user_id}/integrations", 200, "UNPAGED", "INTEGRATION", None),
    ("put", "/providers/users/{user_id}/integrations/{application_id}", 200, "ONE", "INTEGRATION", "INTEGRATION"),
    ("delete", "/providers/users/{user_id}/integrations/{application_id}", 200, "ONE", "EMPTY", None),
    ("get", "/providers/users/{user_id}/employers", 200, "FILTERED", "WORKPLACE", None),
    ("get", "/providers/employers", 200, "FILTERED", "EMPLOYER", None),
    ("get", "/providers/{provider_id}/employers", 200, "FILTERED", "EMPLOYER", None),
    ("post", "/providers/{provider_id}/employers", 201, "ONE", "EMPLOYER", "EMPLOYER"),
    ("get", "/providers/{provider_id}/users/metadata", 200, "LIST", "FIELD", None),
    ("get", "/providers/users/{user_id}/metadata", 200, "LIST", "FIELD", None),
    ("get", "/user/metadata", 200, "LIST", "FIELD", None),
    ("get", "/providers/{provider_id}/emailtemplates/{email_template_id}/metadata", 200, "LIST", "FIELD", None),
)
