"""The actor of a change: who makes it, and through which channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from django.core.exceptions import PermissionDenied
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from loket.logs import correlation_id

if TYPE_CHECKING:
    from django.http import HttpRequest

    from accounts.models import User

P = ParamSpec("P")
R = TypeVar("R")


class Origin(models.TextChoices):
    """Channel of a change (domain.md section 10)."""

    PAGE = "page", _("page")
    API = "api", _("web service")
    SCIM = "scim", _("directory")
    COMMAND = "command", _("command")
    SUPPORT = "support", _("support")
    SCHEDULED = "scheduled", _("automatic")


class Proof(IntEnum):
    """How recently the user re-authenticated, with the second factor where one is required.

    A session started by an SSO ticket has none until the user re-authenticates (NIST SP 800-63B-4, reauthentication).
    """

    NONE = 0
    HALF_HOUR = 1  # for changes of what users may do
    FIVE_MINUTES = 2  # for changes of how users sign in


class ProofRequired(PermissionDenied):
    """The actor must re-authenticate first; `proof` tells how recently."""

    def __init__(self, proof: Proof) -> None:
        super().__init__(gettext("First confirm it is you."))
        self.proof = proof


@dataclass(frozen=True)
class Actor:
    """Who makes a change: a user through some channel, or without `user` the operator or a scheduled job."""

    origin: Origin
    name: str
    user: User | None = None
    address: str = ""
    correlation_id: str = ""
    reason: str = ""  # given by support; recorded in every resulting event
    on_behalf_of: User | None = None
    only_looks: bool = False  # impersonation, which is read-only, see `support.looking`
    founds: bool = False  # support setting up a new office, see `bulk.offices`
    proof: Proof = Proof.NONE

    @property
    def is_support(self) -> bool:
        """Whether a support user acts on an office, as opposed to on their own account."""
        return self.origin == Origin.SUPPORT

    @property
    def is_operator(self) -> bool:
        """Whether this is the operator or a scheduled job, which may grant anything.

        Support counts as such while it sets up an office, which has no user yet who could grant anything.
        """
        return self.founds or (self.user is None and self.origin in (Origin.COMMAND, Origin.SCHEDULED))

    def require_to_act(self) -> None:
        """Raise PermissionDenied during impersonation."""
        if self.only_looks:
            raise PermissionDenied(gettext("Impersonation is read-only."))

    def require_proof(self, proof: Proof) -> None:
        """Raise ProofRequired unless the user re-authenticated recently enough; the operator need not."""
        if not self.is_operator and self.proof < proof:
            raise ProofRequired(proof)


def asks(proof: Proof) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate an action to require re-authentication of its actor (`by`) before anything else; every action has this.

    FIVE_MINUTES for how users sign in, HALF_HOUR for other changes of the office or of another user, NONE for the
    user's own preferences and for actions with a proof of their own, such as an e-mailed link.
    """

    def decorate(action: Callable[P, R]) -> Callable[P, R]:
        @wraps(action)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            cast(Actor, kwargs["by"]).require_proof(proof)
            return action(*args, **kwargs)

        cast(Any, wrapper).proof = proof
        return wrapper

    return decorate


def on_page(request: HttpRequest, user: User) -> Actor:
    """Return `user` as the actor of a browser request."""
    return _from(request, user, Origin.PAGE)


def helping(request: HttpRequest, user: User, reason: str) -> Actor:
    """Return the support user `user` as an actor on an office, with the reason."""
    return replace(_from(request, user, Origin.SUPPORT), reason=reason)


def through_api(request: HttpRequest, user: User) -> Actor:
    """Return `user` as the actor of an API request."""
    return _from(request, user, Origin.API)


def _from(request: HttpRequest, user: User, origin: Origin) -> Actor:
    from loket.middleware import client_address

    return Actor(
        origin=origin,
        name=user.full_name,
        user=user,
        address=client_address(request),
        correlation_id=getattr(request, "correlation_id", ""),
        only_looks=hasattr(request, "looker"),
        proof=getattr(request, "proof", Proof.NONE),
    )


def operator(command: str) -> Actor:
    """Return the operator running `manage.py <command>`."""
    return Actor(origin=Origin.COMMAND, name=f"manage.py {command}")


def scheduled(job: str) -> Actor:
    """Return the actor of the periodic job `job`."""
    return Actor(origin=Origin.SCHEDULED, name=job, correlation_id=correlation_id())
