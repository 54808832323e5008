"""The actor of a change: who makes it, and through which channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.access import ReauthenticationLevel
from core.client_address import get_client_address
from core.logs import get_correlation_id

if TYPE_CHECKING:
    from django.http import HttpRequest

    from accounts.models import User

ACCEPT_CONFLICTS = "accept_conflicts"  # field of the page that asks about conflicts of duties
P = ParamSpec("P")
R = TypeVar("R")


class EventOrigin(models.TextChoices):
    """Channel of a change (domain.md section 10)."""

    PAGE = "page", _("page")
    API = "api", _("web service")
    COMMAND = "command", _("command")
    SUPPORT = "support", _("support")
    SCHEDULED = "scheduled", _("automatic")
    DIRECTORY = "scim", _("directory")


class ReauthenticationRequired(PermissionDenied):
    """The actor must re-authenticate first; `proof` says how recently."""

    def __init__(self, proof: ReauthenticationLevel) -> None:
        super().__init__(gettext("First confirm it is you."))
        self.proof = proof


@dataclass(frozen=True)
class Actor:
    """Who makes a change: a user through some channel, or without `user` the operator or a scheduled job.

    Through a directory `user` is the owner of the connection, whose rights count; events name the directory.
    """

    origin: EventOrigin
    name: str
    user: User | None = None
    address: str = ""
    correlation_id: str = ""
    reason: str = ""  # given by support; recorded in every resulting event
    on_behalf_of: User | None = None
    is_impersonating: bool = False  # impersonation, which is read-only, see `support.impersonation`
    is_office_setup: bool = False  # support setting up a new office, see `users.office_setup`
    proof: ReauthenticationLevel = ReauthenticationLevel.NONE
    accepts_conflicts: bool = True  # False: on a page, which first asks about conflicts of duties

    @property
    def is_support(self) -> bool:
        """Whether a support user acts on an office, as opposed to on their own account."""
        return self.origin == EventOrigin.SUPPORT

    @property
    def is_operator(self) -> bool:
        """Whether this is the operator or a scheduled job, which may grant anything.

        Support counts as such while it sets up an office, which has no user yet who could grant anything.
        """
        return self.is_office_setup or (
            self.user is None and self.origin in (EventOrigin.COMMAND, EventOrigin.SCHEDULED)
        )

    @property
    def recorded_user(self) -> User | None:
        """The user whom events name as the actor: none for a directory, which acts on behalf of its owner."""
        return None if self.origin == EventOrigin.DIRECTORY else self.user

    def is_user(self, user_id: UUID) -> bool:
        """Return whether the user acts themselves; a directory is another actor than its owner."""
        return self.recorded_user is not None and self.recorded_user.pk == user_id

    def require_not_impersonating(self) -> None:
        """Raise PermissionDenied during impersonation."""
        if self.is_impersonating:
            raise PermissionDenied(gettext("Impersonation is read-only."))

    def require_reauthentication(self, proof: ReauthenticationLevel) -> None:
        """Raise ReauthenticationRequired unless the user re-authenticated recently enough; the operator need not."""
        if not self.is_operator and self.proof < proof:
            raise ReauthenticationRequired(proof)


def requires_reauthentication(proof: ReauthenticationLevel) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate an action with several transactions, to require re-authentication of its actor (`by`) first.

    FIVE_MINUTES for how users sign in, HALF_HOUR for other changes of the office or of another user, NONE for the
    user's own preferences and for actions with a proof of their own, such as an e-mailed link.
    """

    def decorate(action: Callable[P, R]) -> Callable[P, R]:
        @wraps(action)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            cast(Actor, kwargs["by"]).require_reauthentication(proof)
            return action(*args, **kwargs)

        cast(Any, wrapper).proof = proof
        return wrapper

    return decorate


def action(
    proof: ReauthenticationLevel = ReauthenticationLevel.HALF_HOUR,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate an action: one transaction, after the re-authentication of `requires_reauthentication`."""
    return lambda function: requires_reauthentication(proof)(transaction.atomic(function))


def build_page_actor(request: HttpRequest, user: User) -> Actor:
    """Return `user` as the actor of a browser request."""
    actor = _build_request_actor(request, user, EventOrigin.PAGE)
    return replace(actor, accepts_conflicts=ACCEPT_CONFLICTS in request.POST)


def build_support_actor(request: HttpRequest, user: User, reason: str) -> Actor:
    """Return the support user `user` as an actor on an office, with the reason."""
    return replace(_build_request_actor(request, user, EventOrigin.SUPPORT), reason=reason)


def build_api_actor(request: HttpRequest, user: User) -> Actor:
    """Return `user` as the actor of an API request."""
    return _build_request_actor(request, user, EventOrigin.API)


def build_directory_actor(owner: User, directory: str, request: HttpRequest | None = None) -> Actor:
    """Return the directory with the name `directory` as an actor with the rights of the owner of its connection.

    Without a request the worker acts for it.
    """
    return Actor(
        origin=EventOrigin.DIRECTORY,
        name=f"directory {directory}",
        user=owner,
        address=get_client_address(request) if request else "",
        correlation_id=getattr(request, "correlation_id", "") if request else get_correlation_id(),
        on_behalf_of=owner,
        proof=ReauthenticationLevel.FIVE_MINUTES,  # that of the owner, when the connection was made
    )


def build_anonymous_actor(request: HttpRequest, origin: EventOrigin = EventOrigin.PAGE) -> Actor:
    correlation_id = getattr(request, "correlation_id", "")
    return Actor(origin=origin, name="", address=get_client_address(request), correlation_id=correlation_id)


def _build_request_actor(request: HttpRequest, user: User, origin: EventOrigin) -> Actor:
    return Actor(
        origin=origin,
        name=user.full_name,
        user=user,
        address=get_client_address(request),
        correlation_id=getattr(request, "correlation_id", ""),
        is_impersonating=hasattr(request, "impersonator"),
        proof=getattr(request, "proof", ReauthenticationLevel.NONE),
    )


def build_operator(command: str) -> Actor:
    """Return the operator running `manage.py <command>`."""
    return Actor(origin=EventOrigin.COMMAND, name=f"manage.py {command}")


def build_job_actor(job: str) -> Actor:
    """Return the actor of the periodic job `job`."""
    return Actor(origin=EventOrigin.SCHEDULED, name=job, correlation_id=get_correlation_id())
