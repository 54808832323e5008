"""Actions on consents: granting, checking and revoking access of applications."""

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from audit.actions import record
from audit.actors import Actor, action
from audit.models import Verb
from authentication import reauthentication
from core.access import ReauthenticationLevel
from oauth import backchannel_logout
from oauth.models import (
    AccessToken,
    Application,
    AuthorizationCode,
    Consent,
    OfficeAccess,
    RefreshToken,
    SsoTicket,
)
from oauth.scopes import sort_scopes
from permissions import checks
from permissions.checks import Right


def can_consent(request: HttpRequest) -> bool:
    """Return whether the signed-in user can give consent to an application.

    SSO/Webservice users cannot: each belongs to a single integration. Neither can sessions started by a portal, which
    must not create lasting access.
    """
    user = request.user
    return isinstance(user, User) and not user.is_webservice_user and not reauthentication.is_sso_session(request)


def has_consented(user: object, application: Application, scopes: Collection[str]) -> bool:
    """Return whether `user` has already consented to all `scopes` for `application`."""
    if not isinstance(user, User) or not application.is_available_to(user):
        return False
    return _is_covered(user, application, scopes)


def _is_covered(user: User, application: Application, scopes: Iterable[str]) -> bool:
    """Return whether `user`, or their office for all its users, consented to all `scopes`."""
    own = Consent.objects.filter(user=user, application=application).values_list("scopes", flat=True).first()
    office = OfficeAccess.objects.filter(provider=user.provider_id, application=application)
    agreed = {*(own or ()), *(office.values_list("scopes", flat=True).first() or ())}
    return agreed.issuperset(sort_scopes(scopes))


def use_consent(user: User, application: Application, scopes: Collection[str]) -> bool:
    """Lock the consent until commit, store that it was used, and return whether it still covers `scopes`.

    The first use of a consent of the office stores one of the user, which lists the application.
    """
    consents, now = Consent.objects.filter(user=user, application=application), timezone.now()
    if not consents.update(last_used_at=now):
        office = OfficeAccess.objects.select_for_update()  # so that withdrawing sees the consent that is stored
        if office.filter(provider=user.provider_id, application=application).exclude(scopes=[]).first() is None:
            return False
        consents.get_or_create(
            user=user, application=application, defaults={"provider": user.office, "scopes": [], "last_used_at": now}
        )
    return _is_covered(user, application, scopes)


@action()
def grant_consent(user: User, application: Application, *, scopes: Iterable[str], by: Actor) -> Consent:
    """Grant `application` the `scopes` on behalf of `user`, in addition to those granted before."""
    consent, _is_new = Consent.objects.select_for_update().get_or_create(
        user=user, application=application, defaults={"provider": user.office, "scopes": []}
    )
    granted: list[str] = [scope.value for scope in sort_scopes([*consent.scopes, *scopes])]
    if granted != consent.scopes:
        changes = {"scopes": [consent.scopes, granted]}
        consent.scopes = granted
        consent.save(update_fields=["scopes"])
        record(Verb.CONSENT_GIVEN, application, by=by, provider_id=user.provider_id, changes=changes)
    return consent


@action(ReauthenticationLevel.NONE)
def revoke_consent(user: User, consent_id: UUID, *, by: Actor) -> bool:
    """Revoke one consent of `user` and delete its tokens. Return False if it was already revoked.

    Raises PermissionDenied unless the consent is the actor's own, or the actor manages users and has authority over
    `user`.
    """
    if not by.is_user(user.pk):
        by.require_reauthentication(ReauthenticationLevel.HALF_HOUR)
        checks.require_right(by, Right.MANAGE_USERS)
        checks.require_authority_over(by, user)
    consents = Consent.objects.select_for_update(of=("self",)).select_related("application")
    consent = consents.filter(provider=user.office, user=user, pk=consent_id).first()
    if consent is None:
        return False
    end_access(consent.application, by=by, user=user)
    consent.delete()
    changes = {"integration": [str(consent.application), None], "integration_id": [str(consent.application_id), None]}
    record(Verb.CONSENT_ENDED, user, by=by, provider_id=user.provider_id, changes=changes)
    return True


def end_access(application: Application, *, by: Actor, **conditions: Any) -> None:
    """Delete the tokens of `application`, all or those that match `conditions`, and end its sessions."""
    delete_tokens(application, **conditions)
    backchannel_logout.end_application_sessions(application, by=by, **conditions)


def delete_tokens(application: Application, **conditions: Any) -> None:
    """Delete the codes, tokens and SSO tickets of `application`, all or those that match `conditions`."""
    for model in (AuthorizationCode, RefreshToken, AccessToken, SsoTicket):
        model.objects.filter(application=application, **conditions).delete()
