"""Actions that start, list and end browser sessions."""

from uuid import UUID

from django.contrib import auth
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.locks import lock_user
from accounts.models import LoginMethod, User
from audit.actions import record
from audit.actors import Actor, Proof, asks, on_page
from audit.models import Verb
from loket.middleware import client_address
from signin import browsers, expiry, pending_forms, reauthentication
from signin.factors import passing
from signin.factors.passing import Factor
from signin.models import OpenSession
from signin.store import stored_key
from teams import rights
from teams.rights import Help


@transaction.atomic
def start(request: HttpRequest, user: User, *, factor: Factor | None = None) -> None:
    """Sign `user` in under a new session key and record it.

    The caller has authenticated the user. `factor` is the second factor that the user passed; without it a user who has
    one gets no access until they pass it (see `signin.middleware`). The pending form of `user` is kept.
    """
    auth.login(request, user)
    request.session.pop(expiry.ENDED, None)
    pending_forms.forget_others(request, user)
    passing.settle(request, factor)
    if not reauthentication.is_by_sso(request) or factor in (None, Factor.PASSKEY):  # else the password is still due
        reauthentication.note(request, with_factor=factor in (Factor.APP, Factor.PASSKEY))
    _write_down(request, user, factor)
    record(Verb.SIGNED_IN, user, by=on_page(request, user), provider_id=user.provider_id)


@transaction.atomic
def start_by_sso(request: HttpRequest, user: User) -> None:
    """Sign `user` in with an SSO ticket of a portal: a short session that does not count as authentication.

    An enrolled second factor must still be passed; the session stays an SSO session after that.
    """
    request.session.flush()
    auth.login(request, user)
    request.session[expiry.BY_SSO] = True
    _write_down(request, user, None)
    record(Verb.SIGNED_IN, user, by=on_page(request, user), provider_id=user.provider_id, reason="sso")


def _write_down(request: HttpRequest, user: User, factor: Factor | None) -> None:
    if request.session.session_key is None:
        request.session.save()
    browser, system = browsers.in_words(request.headers.get("User-Agent", ""))
    found = {
        "provider": user.provider,
        "user": user,
        "session_version": user.session_version,
        "how": OpenSession.How.SSO if reauthentication.is_by_sso(request) else _how(user, factor),
        "address": client_address(request) or None,
        "browser": browser,
        "system": system,
    }
    # Passing a second factor later does not start a new session: the time of sign-in stays.
    OpenSession.objects.update_or_create(session_id=stored_key(request.session.session_key or ""), defaults=found)


def _how(user: User, factor: Factor | None) -> OpenSession.How:
    if user.login_method == LoginMethod.AZURE_AD:
        return OpenSession.How.MICROSOFT
    return OpenSession.How(factor.value) if factor else OpenSession.How.PASSWORD


@transaction.atomic
def end(request: HttpRequest, user: User) -> None:
    auth.logout(request)
    record(Verb.SIGNED_OUT, user, by=on_page(request, user), provider_id=user.provider_id)


def open_of(user: User) -> QuerySet[OpenSession]:
    """Return the sessions in which `user` is still signed in, most recently used first."""
    rows = OpenSession.objects.alive().filter(provider=user.provider, user=user, session_version=user.session_version)
    return rows.order_by("-last_used_at", "-pk")


def current(request: HttpRequest) -> UUID | None:
    """Return the ID of the OpenSession of this request, None if it has none."""
    found: OpenSession | None = getattr(request.session, "opened", None)
    return found.pk if found else None


def left(request: HttpRequest) -> expiry.Left | None:
    """Return the seconds until the session of this request ends, None if no user is signed in."""
    found: expiry.Left | None = getattr(request.session, "left", None)
    return found


def leave_uncounted(request: HttpRequest) -> None:
    """Do not count this request as activity of the user: a page that reloads itself must not extend the session."""
    request.session.counts = False  # type: ignore[attr-defined]  # see signin.store


def note_use(request: HttpRequest) -> None:
    """Update the last use of the session of this request, at most once a minute."""
    found: OpenSession | None = getattr(request.session, "opened", None)
    now = timezone.now()
    counts = getattr(request.session, "counts", True)
    if counts and found is not None and now - found.last_used_at >= expiry.COARSE:
        OpenSession.objects.filter(pk=found.pk, last_used_at__lt=now).update(last_used_at=now)


@asks(Proof.NONE)
@transaction.atomic
def end_one(user: User, id: UUID, *, by: Actor) -> bool:
    """End one session of `user`, effective from its next request; return False if it had already ended.

    Raises PermissionDenied unless it is the actor's own, or the actor manages users and has authority over `user`.
    """
    _require_say_over(user, by)
    row = OpenSession.objects.select_for_update().filter(provider=user.provider, user=user, pk=id).first()
    if row is None:
        return False
    Session.objects.filter(pk=row.session_id).delete()
    changes = {"session": [str(row), None]}
    record(Verb.SESSION_ENDED, user, by=by, provider_id=user.provider_id, changes=changes)
    return True


@asks(Proof.NONE)
@transaction.atomic
def end_all(user: User, *, by: Actor) -> User:
    """End all sessions of `user`, including those without an OpenSession; return the user as stored.

    Raises PermissionDenied as `end_one` does.
    """
    _require_say_over(user, by)
    locked = lock_user(user.pk, actor=by.user)
    locked.session_version += 1
    locked.save(update_fields=["session_version"])
    record(Verb.SESSIONS_ENDED, locked, by=by, provider_id=locked.provider_id)
    return locked


@transaction.atomic
def end_others(request: HttpRequest, user: User) -> None:
    """End all sessions of `user` except that of this request."""
    auth.update_session_auth_hash(request, end_all(user, by=on_page(request, user)))


def _require_say_over(user: User, by: Actor) -> None:
    if by.user is None or by.user.pk != user.pk:
        by.require_proof(Proof.HALF_HOUR)
        rights.require_say_over(by, user, Help.END_SESSIONS)
