"""Actions on consents: granting, checking and revoking access of applications."""

from collections.abc import Collection, Iterable
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest

from accounts.models import User
from audit.actions import record
from audit.actors import Actor, Proof, asks
from audit.models import Verb
from signin import reauthentication
from teams import rights
from teams.rights import Right
from webservice.models import AccessToken, Application, Consent, Grant, IDToken, RefreshToken
from webservice.scopes import known


def can_consent(request: HttpRequest) -> bool:
    """Return whether the signed-in user can give consent to an application.

    SSO/Webservice users cannot: each belongs to a single integration. Neither can sessions started by a portal, which
    must not create lasting access.
    """
    user = request.user
    return isinstance(user, User) and not user.is_webservice_user and not reauthentication.is_by_sso(request)


def covers(user: object, application: Application, scopes: Collection[str]) -> bool:
    """Return whether `user` has already consented to all `scopes` for `application`."""
    if not isinstance(user, User) or not application.serves(user):
        return False
    allowed = Consent.objects.filter(user=user, application=application, scopes__contains=list(scopes))
    return allowed.exists()


@asks(Proof.HALF_HOUR)
@transaction.atomic
def allow(user: User, application: Application, *, scopes: Iterable[str], by: Actor) -> Consent:
    """Grant `application` the `scopes` on behalf of `user`, in addition to those granted before."""
    consent, _is_new = Consent.objects.select_for_update().get_or_create(
        user=user, application=application, defaults={"provider": user.provider, "scopes": []}
    )
    wanted: list[str] = [scope.value for scope in known([*consent.scopes, *scopes])]
    if wanted != consent.scopes:
        changes = {"scopes": [consent.scopes, wanted]}
        consent.scopes = wanted
        consent.save(update_fields=["scopes"])
        record(Verb.CONSENT_GIVEN, application, by=by, provider_id=user.provider_id, changes=changes)
    return consent


@asks(Proof.NONE)
@transaction.atomic
def cut(user: User, id: UUID, *, by: Actor) -> bool:
    """Revoke one consent of `user` and delete its tokens. Return False if it was already revoked.

    Raises PermissionDenied unless the consent is the actor's own, or the actor manages users and has authority over
    `user`.
    """
    if by.user is None or by.user.pk != user.pk:
        by.require_proof(Proof.HALF_HOUR)
        rights.require(by, Right.MANAGE_USERS)
        rights.require_authority_over(by, user)
    consents = Consent.objects.select_for_update(of=("self",)).select_related("application")
    consent = consents.filter(provider=user.provider, user=user, pk=id).first()
    if consent is None:
        return False
    end_tokens(user, consent.application)
    consent.delete()
    changes = {"integration": [str(consent.application), None]}
    record(Verb.CONSENT_ENDED, user, by=by, provider_id=user.provider_id, changes=changes)
    return True


def end_tokens(user: User, application: Application) -> None:
    """Delete all codes and tokens of `application` for `user`."""
    for model in (Grant, RefreshToken, AccessToken, IDToken):
        model.objects.filter(user=user, application=application).delete()
