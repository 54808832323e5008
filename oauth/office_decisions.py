"""Actions of an office on an application: consent for all its users, and assignment to teams."""

from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.locks import lock_provider
from accounts.models import Provider
from audit.actions import record
from audit.actors import Actor, action
from audit.changes import Changes
from audit.models import Verb
from core.access import ReauthenticationLevel
from core.errors import EditConflict
from oauth import backchannel_logout
from oauth.models import AccessToken, Application, AuthorizationCode, ClientSession, Consent, RefreshToken, SsoTicket
from oauth.office_access import OfficeAccess, OfficeAccessTeam
from oauth.scopes import OFFLINE_ACCESS, Scope, sort_scopes
from permissions import checks
from permissions.checks import Right
from permissions.models import Team

# They show an application who its user is. With the others it acts with the rights of that user.
_IDENTITY_SCOPES = frozenset({Scope.OPENID, Scope.PROFILE, Scope.EMAIL, Scope.ACCOUNT_READ})


def may_decide_on_scopes(by: Actor, scopes: Iterable[str]) -> bool:
    """Return whether the actor holds what an application can do with `scopes` on behalf of any user (rule 5)."""
    return _IDENTITY_SCOPES.issuperset(scopes) or checks.holds_every_right(by)


def require_authority_over_consent(application: Application, by: Actor) -> None:
    """Raise PermissionDenied if the actor may not decide who gets what other users, or their office, consented to."""
    rows = {"application": application, "provider": application.provider_id}
    agreed = OfficeAccess.objects.filter(**rows).values_list("scopes", flat=True)
    agreed_by_users = Consent.objects.filter(**rows).exclude(user=by.user).values_list("scopes", flat=True)
    if not may_decide_on_scopes(by, chain.from_iterable([*agreed, *agreed_by_users.distinct()])):
        text = _(
            "This integration has the consent of other users, or of the whole office. Only a user with the right"
            " “%(right)s” can change where it sends users, or how it proves who it is."
        )
        raise PermissionDenied(text % {"right": Right.MANAGE_PROVIDER.label})


@action(ReauthenticationLevel.FIVE_MINUTES)
def grant_office_consent(application: Application, *, provider: Provider, version: int, by: Actor) -> None:
    """Consent to all scopes of `application` for every user of the office. `version` is that of the application.

    Repeating the call, as a double click does, has no effect. Raises PermissionDenied without the right to manage
    integrations, or without every right if the scopes let the application act with the rights of users; EditConflict if
    the application changed since the scopes were shown.
    """
    access = _lock_access(application, provider, by)
    found: Application | None = (
        Application.objects.serving(provider).select_for_update(no_key=True, of=("self",)).filter(pk=application.pk)
    ).first()
    if found is None or found.version != version:
        raise EditConflict
    scopes: list[str] = [scope.value for scope in sort_scopes(found.scopes)]
    if not may_decide_on_scopes(by, scopes):
        text = _(
            "With these scopes, the integration acts with the rights of each user: this takes the right “%(right)s”."
        )
        raise PermissionDenied(text % {"right": Right.MANAGE_PROVIDER.label})
    if access.scopes == scopes:
        return
    changes = {"scopes": [access.scopes or None, scopes]}
    access.scopes, access.consented_at, access.consented_by = scopes, timezone.now(), by.user
    _save_and_record(access, Verb.OFFICE_CONSENT_GIVEN, by, changes)


@action(ReauthenticationLevel.FIVE_MINUTES)
def withdraw_office_consent(application: Application, *, provider: Provider, by: Actor) -> bool:
    """Withdraw the consent for the whole office, and end what rests on it; consent of users themselves remains.

    Return False if it was withdrawn before. Raises PermissionDenied without the right to manage integrations.
    """
    _require_manager(provider, by)
    # Issuing a token locks the consent first. The reverse order would deadlock.
    list(Consent.objects.select_for_update().filter(provider=provider, application=application))
    access = _lock_access(application, provider, by)
    if not access.scopes:
        return False
    changes = {"scopes": [access.scopes, None]}
    access.scopes, access.consented_at, access.consented_by = [], None, None
    _save_and_record(access, Verb.OFFICE_CONSENT_WITHDRAWN, by, changes)
    rows = {"provider": provider, "application": application}
    without_own = Consent.objects.filter(**rows, scopes=[])
    users = list(without_own.values_list("user", flat=True))
    without_own.delete()  # before their sessions, in the order in which issuing a token locks them
    backchannel_logout.end_client_sessions(ClientSession.objects.filter(**rows, user__in=users), by=by)
    _delete_uncovered_tokens(application, provider)
    return True


def _delete_uncovered_tokens(application: Application, provider: Provider) -> None:
    """Delete the codes, tokens and tickets of which a scope is not among those that their user agreed to."""
    rows = {"provider": provider, "application": application}
    agreed = {consent.user_id: {*consent.scopes, OFFLINE_ACCESS} for consent in Consent.objects.filter(**rows)}

    def list_uncovered(model: type[AuthorizationCode | AccessToken]) -> list[UUID]:
        found = model.objects.filter(**rows).values_list("pk", "user_id", "scope")
        return [pk for pk, user_id, scope in found if not agreed.get(user_id, set()).issuperset(scope.split())]

    AuthorizationCode.objects.filter(pk__in=list_uncovered(AuthorizationCode)).delete()
    uncovered = list_uncovered(AccessToken)
    RefreshToken.objects.filter(access_token__in=uncovered).delete()
    AccessToken.objects.filter(pk__in=uncovered).delete()
    sso = [user_id for user_id, scopes in agreed.items() if Scope.SSO in scopes]
    SsoTicket.objects.filter(**rows).exclude(user__in=sso).delete()


@action(ReauthenticationLevel.FIVE_MINUTES)
def assign_to_teams(
    application: Application, *, provider: Provider, teams: Collection[Team] | None, version: int, by: Actor
) -> None:
    """Let only members of `teams` use `application`, or every user of the office if None; end sessions of others there.

    `version` is that of the `OfficeAccess` that the form was opened with. Raises PermissionDenied without the right to
    manage integrations, EditConflict on a concurrent change.
    """
    access = _lock_access(application, provider, by)
    wanted = Team.objects.filter(provider=provider, pk__in=[team.pk for team in teams or ()]).order_by(
        "sort_name", "pk"
    )
    before = _list_team_names(access)
    current = set(access.list_team_ids()) if access.for_teams_only else None
    if current == (None if teams is None else {team.pk for team in wanted}):
        return
    if access.version != version:
        raise EditConflict
    access.for_teams_only = teams is not None
    access.teams.all().delete()
    OfficeAccessTeam.objects.bulk_create(
        OfficeAccessTeam(provider=provider, access=access, team=team) for team in wanted
    )
    _save_and_record(access, Verb.CLIENT_ASSIGNED, by, {"teams": [before, _list_team_names(access)]})
    if access.for_teams_only:
        rows = ClientSession.objects.filter(provider=provider, application=application)
        others = rows.exclude(user__memberships__team__in=wanted)
        backchannel_logout.end_client_sessions(others, by=by)


def _list_team_names(access: OfficeAccess) -> Sequence[str] | None:
    """Return the names of the teams, None if the application is for everyone."""
    rows = access.teams.order_by("team__sort_name", "team")
    return list(rows.values_list("team__name", flat=True)) if access.for_teams_only else None


def _require_manager(provider: Provider, by: Actor) -> None:
    checks.require_office(by, provider.pk)
    lock_provider(provider.pk)
    checks.require_right(by, Right.MANAGE_INTEGRATIONS)


def _lock_access(application: Application, provider: Provider, by: Actor) -> OfficeAccess:
    """Return the stored row of this office, locked. Raises EditConflict if the application no longer serves it."""
    _require_manager(provider, by)
    if not Application.objects.serving(provider).filter(pk=application.pk).exists():
        raise EditConflict
    rows = OfficeAccess.objects.select_for_update()
    return rows.get_or_create(provider=provider, application=application)[0]


def _save_and_record(access: OfficeAccess, verb: Verb, by: Actor, changes: Changes) -> None:
    access.version += 1
    access.save()
    record(verb, access.application, by=by, provider_id=access.provider_id, changes=changes)
