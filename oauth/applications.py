"""Actions on applications of an office, and on partner applications that serve all offices."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NotRequired, TypedDict
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.locks import lock_provider
from accounts.models import Provider
from audit.actions import record
from audit.actors import Actor, action
from audit.changes import Changes
from audit.models import Verb
from core import encryption
from core.access import ReauthenticationLevel
from core.errors import EditConflict
from core.keys import compute_name_key
from oauth import backchannel_logout, client_assertions, office_decisions
from oauth.client_settings import ClientAuthentication, validate_settings
from oauth.consents import end_access
from oauth.models import Application
from permissions import checks
from permissions.action_helpers import lock_and_authorize
from permissions.checks import Right, SupportAction


class ApplicationDetails(TypedDict):
    """Editable fields of an application; the URIs are absolute."""

    name: str
    redirect_uris: Sequence[str]
    post_logout_redirect_uris: Sequence[str]
    scopes: Sequence[str]
    # Unchanged if left out; for a new application the defaults of the model.
    algorithm: NotRequired[str]
    authentication: NotRequired[str]
    pkce_optional: NotRequired[bool]
    origins: NotRequired[Sequence[str]]
    public_keys: NotRequired[list[dict[str, Any]]]  # from `client_assertions.parse_public_keys`
    resource: NotRequired[str]
    pushed_requests_required: NotRequired[bool]
    backchannel_logout_uri: NotRequired[str]
    backchannel_logout_session_required: NotRequired[bool]


_OPTIONAL_DETAILS = tuple(sorted(ApplicationDetails.__optional_keys__))
_PROOF_DETAILS = {"authentication", "public_keys", "pkce_optional"}  # who can redeem a code


@action(ReauthenticationLevel.FIVE_MINUTES)
def register_application(provider: Provider | None, *, details: ApplicationDetails, by: Actor) -> Application:
    """Register an application for `provider`, or a partner application for all offices if None. It has no secret yet.

    Repeating the call, as a double click does, returns the same application. Raises PermissionDenied without the right
    to manage integrations, ValidationError ("taken") if another application has the name.
    """
    _require_application_manager(provider.pk if provider else None, by)
    application = Application(provider=provider)
    changes = _apply_details(application, details)
    existing: Application | None = Application.objects.filter(
        provider=provider, name_key=compute_name_key(details["name"])
    ).first()
    if existing is not None:
        if not _apply_details(existing, details):
            return existing
        raise ValidationError(_("An integration with this name already exists. Choose another name."), code="taken")
    _require_free_resource(application)
    application.save()
    record(Verb.CLIENT_ADDED, application, by=by, provider_id=application.provider_id, changes=changes)
    return application


@action(ReauthenticationLevel.FIVE_MINUTES)
def update_application(
    application: Application, *, details: ApplicationDetails, version: int, by: Actor
) -> Application:
    """Update an application. `version` is the version the form was opened with.

    Removing a scope takes effect immediately, even for issued tokens. Another way of authentication ends the secret and
    all access. Raises PermissionDenied without the right, or without authority over the consents if that changes who
    gets or can redeem a code; EditConflict on a concurrent change, ValidationError ("taken") if another application has
    the name.
    """
    is_other_client = details.get("authentication", application.authentication) != application.authentication
    application = _lock_with_consents(application, by) if is_other_client else _lock_application(application, by)
    if application.version != version:
        raise EditConflict
    namesakes = Application.objects.filter(provider=application.provider_id, name_key=compute_name_key(details["name"]))
    if namesakes.exclude(pk=application.pk).exists():
        raise ValidationError(_("An integration with this name already exists. Choose another name."), code="taken")
    before = set(application.redirect_uris.split())
    if changes := _apply_details(application, details):
        if _PROOF_DETAILS & changes.keys() or not before.issuperset(application.redirect_uris.split()):
            office_decisions.require_authority_over_consent(application, by)
        _require_free_resource(application)
        if "authentication" in changes:
            application.client_secret, application.previous_secret, application.previous_until = "", "", None
            end_access(application, by=by)
        _save_and_record(application, Verb.CLIENT_CHANGED, by, changes)
    return application


@action(ReauthenticationLevel.FIVE_MINUTES)
def set_client_secret(application: Application, *, secret: str, hours: int, version: int, by: Actor) -> None:
    """Replace the client secret with a random `secret`; the previous one is accepted for another `hours`.

    Repeating the call with the same secret, as a double click does, has no effect. Raises PermissionDenied without the
    right, or without authority over the consents; EditConflict on a concurrent change.
    """
    application = _lock_application(application, by)
    hashed = encryption.hash_token(secret)
    if application.client_secret == hashed:
        return
    if application.version != version or application.authentication != ClientAuthentication.SECRET:
        raise EditConflict
    office_decisions.require_authority_over_consent(application, by)
    application.previous_secret = application.client_secret
    application.previous_until = timezone.now() + timedelta(hours=hours) if application.client_secret else None
    application.client_secret = hashed
    _save_and_record(application, Verb.CLIENT_SECRET_MADE, by, {"hours": [None, hours]})


@action(ReauthenticationLevel.FIVE_MINUTES)
def set_application_enabled(application: Application, *, enabled: bool, by: Actor) -> None:
    """Enable or disable an application. Disabling invalidates all its tokens and ends its sessions.

    Support may do both for an office, with a reason. Raises PermissionDenied without the right, EditConflict if the
    application was deleted in the meantime.
    """
    application = _lock_application(
        application, by, SupportAction.ENABLE_INTEGRATION if enabled else SupportAction.DISABLE_INTEGRATION
    )
    if application.is_usable() != enabled:
        application.switched_off_at = None if enabled else timezone.now()
        _save_and_record(application, Verb.CLIENT_SWITCHED_ON if enabled else Verb.CLIENT_SWITCHED_OFF, by, {})
        if not enabled:
            backchannel_logout.end_application_sessions(application, by=by)


@action(ReauthenticationLevel.FIVE_MINUTES)
def delete_application(application: Application, *, by: Actor) -> None:
    """Delete an application with its consents, tokens and sessions.

    Raises PermissionDenied without the right, EditConflict on a concurrent change.
    """
    application = _lock_with_consents(application, by)
    _record_event(Verb.CLIENT_REMOVED, application, by, {"name": [application.name, None]})
    end_access(application, by=by)
    application.delete()


def _require_application_manager(
    provider_id: UUID | None, by: Actor, support_action: SupportAction | None = None
) -> None:
    """Raise PermissionDenied unless the actor manages the applications of that office, and lock the office.

    Partner applications (None) belong to the operator, and to support with a reason. In an office, support may only do
    what `support_action` names.
    """
    if provider_id is None:
        if not by.is_operator:
            checks.require_support_user(by, SupportAction.CHANGE_PARTNER)
        _lock_partner_applications()
        return
    if by.is_support and support_action is not None:
        checks.require_support_action(by, support_action, provider_id)
        lock_provider(provider_id)
        return
    lock_and_authorize(provider_id, by, Right.MANAGE_INTEGRATIONS)


def _lock_partner_applications() -> None:
    """Serialize changes to partner applications, for example by a double click: there is no office row to lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('partners', 0))")


def _lock_application(application: Application, by: Actor, support_action: SupportAction | None = None) -> Application:
    _require_application_manager(application.provider_id, by, support_action)
    rows = Application.objects.registered().select_for_update()
    locked: Application | None = rows.filter(pk=application.pk).first()
    if locked is None:
        raise EditConflict
    return locked


def _lock_with_consents(application: Application, by: Actor) -> Application:
    """Lock the application to delete its tokens.

    Issuing a token locks the consent before the application. The reverse order would deadlock.
    """
    _require_application_manager(application.provider_id, by)
    list(application.consents.select_for_update())
    return _lock_application(application, by)


def _apply_details(application: Application, details: ApplicationDetails) -> Changes:
    """Assign `details` to the application and return the changes. Raises ValidationError with the fields."""
    values: dict[str, Any] = {name: getattr(application, name) for name in _OPTIONAL_DETAILS} | {**details}
    validate_settings(values)
    for name in ("redirect_uris", "post_logout_redirect_uris"):
        values[name] = " ".join(values[name])
    values["scopes"] = list(values["scopes"])
    changes = {
        name: [_get_event_value(name, getattr(application, name)), _get_event_value(name, value)]
        for name, value in values.items()
    }
    for name, value in values.items():
        setattr(application, name, value)
    return {name: change for name, change in changes.items() if change[0] != change[1]}


def _require_free_resource(application: Application) -> None:
    """Raise ValidationError if another integration of the office, or a partner, has the address as a resource server.

    That of a partner is known to every office: an office must not see the tokens that are meant for it.
    """
    others = Application.objects.filter(Q(provider=application.provider_id) | Q(provider=None))
    if application.resource and others.filter(resource=application.resource).exclude(pk=application.pk).exists():
        message = _("Another integration has this address as a resource server: enter another one.")
        raise ValidationError({"resource": ValidationError(message, code="taken")})


def _get_event_value(name: str, value: Any) -> Any:
    if name == "public_keys":
        value = client_assertions.compute_thumbprints(value)
    return value if isinstance(value, bool) else value or None


def _save_and_record(application: Application, verb: Verb, by: Actor, changes: Changes) -> None:
    application.version += 1
    application.save()
    _record_event(verb, application, by, changes)


def _record_event(verb: Verb, application: Application, by: Actor, changes: Changes) -> None:
    record(verb, application, by=by, provider_id=application.provider_id, changes=changes)
