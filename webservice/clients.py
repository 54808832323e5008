"""Actions on applications of an office, and on partner applications that serve all offices."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TypedDict
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actions import Stale
from accounts.locks import lock_provider
from accounts.models import Provider
from audit.actions import record
from audit.actors import Actor, Proof, asks
from audit.models import Verb
from loket import sealing
from teams import rights
from teams.rights import Help, Right
from webservice.models import AccessToken, Application, Grant, IDToken, RefreshToken


class Details(TypedDict):
    """Editable fields of an application; the URIs are absolute."""

    name: str
    redirect_uris: Sequence[str]
    post_logout_redirect_uris: Sequence[str]
    scopes: Sequence[str]


@asks(Proof.FIVE_MINUTES)
@transaction.atomic
def register(provider: Provider | None, *, details: Details, by: Actor) -> Application:
    """Register an application for `provider`, or a partner application for all offices if None. It has no secret yet.

    Repeating the call, as a double click does, returns the same application. Raises PermissionDenied without the right
    to manage integrations, ValidationError ("taken") if another application has the name.
    """
    _require(provider.pk if provider else None, by)
    application = Application(provider=provider)
    changes = _fill(application, details)
    known = Application.objects.filter(provider=provider, name=details["name"]).first()
    if known is not None and not _fill(known, details):
        return known  # type: ignore[no-any-return]
    if known is not None:
        raise ValidationError(_("An integration with this name already exists. Choose another name."), code="taken")
    application.save()
    record(Verb.CLIENT_ADDED, application, by=by, provider_id=application.provider_id, changes=changes)
    return application


@asks(Proof.FIVE_MINUTES)
@transaction.atomic
def change(application: Application, *, details: Details, version: int, by: Actor) -> Application:
    """Update an application. `version` is the version the form was opened with.

    Removing a scope takes effect immediately, also for issued tokens. Raises PermissionDenied without the right, Stale
    on a concurrent change, ValidationError ("taken") if another application has the name.
    """
    application = _lock(application, by)
    if application.version != version:
        raise Stale
    namesakes = Application.objects.filter(provider=application.provider_id, name=details["name"])
    if namesakes.exclude(pk=application.pk).exists():
        raise ValidationError(_("An integration with this name already exists. Choose another name."), code="taken")
    if changes := _fill(application, details):
        _save(application, Verb.CLIENT_CHANGED, by, changes)
    return application


@asks(Proof.FIVE_MINUTES)
@transaction.atomic
def set_secret(application: Application, *, secret: str, hours: int, version: int, by: Actor) -> None:
    """Replace the client secret with a random `secret`; the previous one is accepted for another `hours`.

    Repeating the call with the same secret, as a double click does, has no effect. Raises PermissionDenied without the
    right, Stale on a concurrent change.
    """
    application = _lock(application, by)
    hashed = sealing.token_hash(secret)
    if application.client_secret == hashed:
        return
    if application.version != version:
        raise Stale
    application.previous_secret = application.client_secret
    application.previous_until = timezone.now() + timedelta(hours=hours) if application.client_secret else None
    application.client_secret = hashed
    _save(application, Verb.CLIENT_SECRET_MADE, by, {"hours": [None, hours]})


@asks(Proof.FIVE_MINUTES)
@transaction.atomic
def switch(application: Application, *, on: bool, by: Actor) -> None:
    """Enable or disable an application. Disabling invalidates all its tokens.

    Support may do both for an office, with a reason. Raises PermissionDenied without the right, Stale if the
    application was deleted meanwhile.
    """
    application = _lock(application, by, Help.SWITCH_ON if on else Help.SWITCH_OFF)
    if application.is_usable() != on:
        application.switched_off_at = None if on else timezone.now()
        _save(application, Verb.CLIENT_SWITCHED_ON if on else Verb.CLIENT_SWITCHED_OFF, by, {})


@asks(Proof.FIVE_MINUTES)
@transaction.atomic
def remove(application: Application, *, by: Actor) -> None:
    """Delete an application with its consents and tokens.

    Raises PermissionDenied without the right, Stale on a concurrent change.
    """
    _require(application.provider_id, by)
    # Issuing a token locks the consent before the application. The reverse order would deadlock.
    list(application.consents.select_for_update())
    application = _lock(application, by)
    _record(Verb.CLIENT_REMOVED, application, by, {"name": [application.name, None]})
    for model in (Grant, RefreshToken, AccessToken, IDToken):
        model.objects.filter(application=application).delete()
    application.delete()


def _require(provider_id: UUID | None, by: Actor, help: Help | None = None) -> None:
    """Raise PermissionDenied unless the actor manages the applications of that office, and lock the office.

    Partner applications (None) belong to the operator, and to support with a reason. In an office, support may only do
    what `help` names.
    """
    if provider_id is None:
        if not by.is_operator:
            rights.require_helper(by, Help.PARTNERS)
        _wait_for_others()
        return
    if by.is_support and help is not None:
        rights.require_help(by, help, provider_id)
        lock_provider(provider_id)
        return
    rights.require_office(by, provider_id)
    lock_provider(provider_id)
    rights.require(by, Right.MANAGE_INTEGRATIONS)


def _wait_for_others() -> None:
    """Serialize changes to partner applications, as by a double click: there is no office row to lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('partners', 0))")


def _lock(application: Application, by: Actor, help: Help | None = None) -> Application:
    _require(application.provider_id, by, help)
    rows = Application.objects.registered().select_for_update()
    locked: Application | None = rows.filter(pk=application.pk).first()
    if locked is None:
        raise Stale
    return locked


def _fill(application: Application, details: Details) -> dict[str, list[Any]]:
    """Assign `details` to the application and return the changes."""
    wanted = {
        "name": details["name"],
        "redirect_uris": " ".join(details["redirect_uris"]),
        "post_logout_redirect_uris": " ".join(details["post_logout_redirect_uris"]),
        "scopes": list(details["scopes"]),
    }
    changes = {name: [getattr(application, name) or None, value or None] for name, value in wanted.items()}
    for name, value in wanted.items():
        setattr(application, name, value)
    return {name: change for name, change in changes.items() if change[0] != change[1]}


def _save(application: Application, verb: Verb, by: Actor, changes: dict[str, list[Any]]) -> None:
    application.version += 1
    application.save()
    _record(verb, application, by, changes)


def _record(verb: Verb, application: Application, by: Actor, changes: dict[str, list[Any]]) -> None:
    record(verb, application, by=by, provider_id=application.provider_id, changes=changes)
