"""Actions that start, list and end browser sessions."""

from uuid import UUID

from django.contrib import auth
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.locks import lock_user
from accounts.models import User
from accounts.sessions import end_sessions, sessions_ended
from audit.actions import record
from audit.actors import Actor, action, build_page_actor
from audit.models import Verb
from authentication import last_user, pending_forms, reauthentication, session_timeouts, user_agents
from authentication.mfa import session_state
from authentication.models import AuthenticationMethod, MfaDevice, Passkey, RecoveryCodes, UserSession
from authentication.session_store import hash_session_key
from core.access import ReauthenticationLevel
from core.client_address import get_client_address
from permissions import checks
from permissions.checks import SupportAction


@transaction.atomic
def start_session(request: HttpRequest, user: User, *, device: MfaDevice | None = None) -> None:
    """Sign `user` in under a new session key and record it.

    The caller has authenticated the user. `device` is the second factor that the user passed; without it a user who has
    one gets no access until they pass it (see `authentication.middleware`). The pending form of `user` is kept.
    """
    _log_in(request, user)
    request.session.pop(session_timeouts.ENDED_KEY, None)
    pending_forms.delete_forms_of_other_users(request, user)
    session_state.set_verified_device(request, device)
    # In an SSO session, an app or recovery code does not replace the password.
    if not reauthentication.is_sso_session(request) or device is None or isinstance(device, Passkey):
        with_factor = device is not None and not isinstance(device, RecoveryCodes)
        reauthentication.record_reauthentication(request, with_factor=with_factor)
    _save_user_session(request, user, device)
    record(Verb.SIGNED_IN, user, by=build_page_actor(request, user), provider_id=user.provider_id)


@transaction.atomic
def start_sso_session(request: HttpRequest, user: User) -> None:
    """Sign `user` in with an SSO ticket of a portal: a short session that does not count as authentication.

    An enrolled second factor must still be passed; the session stays an SSO session after that.
    """
    _log_in(request, user, flush=True)
    request.session[session_timeouts.BY_SSO_KEY] = True
    _save_user_session(request, user)
    record(Verb.SIGNED_IN, user, by=build_page_actor(request, user), provider_id=user.provider_id, reason="sso")


def _log_in(request: HttpRequest, user: User, *, flush: bool = False) -> None:
    tokens = last_user.list_earlier_tokens(request, user)
    before = request.user if isinstance(request.user, User) and request.user.pk != user.pk else None
    session_id = get_current_session_id(request)
    if flush:
        request.session.flush()
    auth.login(request, user)
    last_user.save_earlier_tokens(request, tokens)
    if before is not None:
        _announce_end(before, session_id, by=build_page_actor(request, before))


def _save_user_session(request: HttpRequest, user: User, device: MfaDevice | None = None) -> UUID:
    if request.session.session_key is None:
        request.session.save()
    if reauthentication.is_sso_session(request):
        method = AuthenticationMethod.SSO
    elif user.is_azure_user:
        method = AuthenticationMethod.MICROSOFT
    else:
        method = device.method if device else AuthenticationMethod.PASSWORD
    browser, system = user_agents.parse_user_agent(request.headers.get("User-Agent", ""))
    values = {
        "provider": user.provider,
        "user": user,
        "session_version": user.session_version,
        "method": method,
        "address": get_client_address(request) or None,
        "browser": browser,
        "system": system,
    }
    key = hash_session_key(request.session.session_key or "")
    # Passing a second factor later does not start a new session: the time of sign-in stays.
    return UserSession.objects.update_or_create(session_id=key, defaults=values)[0].pk


@transaction.atomic
def log_out(request: HttpRequest, user: User) -> None:
    session_id, by = get_current_session_id(request), build_page_actor(request, user)
    auth.logout(request)
    record(Verb.SIGNED_OUT, user, by=by, provider_id=user.provider_id)
    _announce_end(user, session_id, by=by)


def _announce_end(user: User, session_id: UUID | None, *, by: Actor) -> None:
    if session_id is not None:
        sessions_ended.send(None, users=[user], by=by, session_id=session_id)


def list_active_sessions(user: User) -> QuerySet[UserSession]:
    rows = UserSession.objects.alive().filter(provider=user.provider, user=user, session_version=user.session_version)
    return rows.order_by("-last_used_at", "-pk")


def get_current_session_id(request: HttpRequest) -> UUID | None:
    found: UserSession | None = getattr(request.session, "user_session", None)
    return found.pk if found else None


def ensure_session_id(request: HttpRequest, user: User) -> UUID:
    """Return the id of the current session of `user`, also of one that began without a UserSession."""
    return get_current_session_id(request) or _save_user_session(request, user)


def get_time_left(request: HttpRequest) -> session_timeouts.SessionTimeLeft | None:
    found: session_timeouts.SessionTimeLeft | None = getattr(request.session, "time_left", None)
    return found


def exclude_from_activity(request: HttpRequest) -> None:
    """Do not count this request as activity of the user: a page that reloads itself must not extend the session."""
    request.session.counts_as_activity = False  # type: ignore[attr-defined]  # see authentication.session_store


def record_activity(request: HttpRequest) -> None:
    found: UserSession | None = getattr(request.session, "user_session", None)
    now = timezone.now()
    is_activity = getattr(request.session, "counts_as_activity", True)
    if is_activity and found is not None and now - found.last_used_at >= session_timeouts.LAST_USED_PRECISION:
        UserSession.objects.filter(pk=found.pk, last_used_at__lt=now).update(last_used_at=now)


@action(ReauthenticationLevel.NONE)
def end_session(user: User, session_id: UUID, *, by: Actor) -> bool:
    """End one session of `user`, effective from its next request; return False if it had already ended.

    Raises PermissionDenied unless it is the actor's own, or the actor manages users and has authority over `user`.
    """
    _require_session_authority(user, by)
    row = UserSession.objects.select_for_update().filter(provider=user.provider, user=user, pk=session_id).first()
    if row is None:
        return False
    Session.objects.filter(pk=row.session_id).delete()
    changes = {"session": [str(row), None]}
    record(Verb.SESSION_ENDED, user, by=by, provider_id=user.provider_id, changes=changes)
    _announce_end(user, session_id, by=by)
    return True


@action(ReauthenticationLevel.NONE)
def end_all_sessions(user: User, *, by: Actor) -> User:
    """Also end sessions without a UserSession; return the user as stored. Raises as `end_session`."""
    _require_session_authority(user, by)
    locked = lock_user(user.pk, actor=by.user)
    end_sessions(locked, by=by)
    locked.save(update_fields=["session_version"])
    record(Verb.SESSIONS_ENDED, locked, by=by, provider_id=locked.provider_id)
    return locked


@transaction.atomic
def end_other_sessions(request: HttpRequest, user: User) -> None:
    auth.update_session_auth_hash(request, end_all_sessions(user, by=build_page_actor(request, user)))


def _require_session_authority(user: User, by: Actor) -> None:
    if not by.is_user(user.pk):
        by.require_reauthentication(ReauthenticationLevel.HALF_HOUR)
        checks.require_user_management(by, user, SupportAction.END_SESSIONS)
