"""Who makes a change, from where."""

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
    """The road by which a change came in (domain.md section 10)."""

    PAGE = "page", _("page")
    API = "api", _("web service")
    SCIM = "scim", _("directory")
    COMMAND = "command", _("command")
    SUPPORT = "support", _("support")
    SCHEDULED = "scheduled", _("automatic")


class Proof(IntEnum):
    """How recently the user behind a change proved to be that user, with the second factor where one is due.

    A session begun by an SSO ticket proves nothing until the user confirms (NIST SP 800-63B-4, reauthentication).
    """

    NONE = 0
    HALF_HOUR = 1  # asked by changes to what users may do
    FIVE_MINUTES = 2  # asked by changes to how users sign in


class ProofRequired(PermissionDenied):
    """The actor must re-authenticate first; `proof` says how recently it must have been done."""

    def __init__(self, proof: Proof) -> None:
        super().__init__(gettext("Confirm that it is you first."))
        self.proof = proof


@dataclass(frozen=True)
class Actor:
    """Who makes a change: a person through some road, or without `user` the operator or a scheduled job."""

    origin: Origin
    name: str
    user: User | None = None
    address: str = ""
    correlation_id: str = ""
    reason: str = ""  # why support does it, in its own words; it stands in every event that comes of it
    on_behalf_of: User | None = None
    only_looks: bool = False  # support that sees pages as `user` does: no change comes of it, see `support.looking`
    founds: bool = False  # support while it sets up a new office, see `bulk.offices`
    proof: Proof = Proof.NONE

    @property
    def is_support(self) -> bool:
        """Whether this is somebody of support who helps an office, and not one who acts for himself."""
        return self.origin == Origin.SUPPORT

    @property
    def is_operator(self) -> bool:
        """Whether this is the operator or a job of the installation itself, who may give anything.

        Support is so in an office that it sets up, where nobody is yet who could give anything.
        """
        return self.founds or (self.user is None and self.origin in (Origin.COMMAND, Origin.SCHEDULED))

    def require_to_act(self) -> None:
        """Raise PermissionDenied for whoever only looks along."""
        if self.only_looks:
            raise PermissionDenied(gettext("Whoever looks along changes nothing."))

    def require_proof(self, proof: Proof) -> None:
        """Raise ProofRequired unless the user proved recently enough who they are; the operator need not."""
        if not self.is_operator and self.proof < proof:
            raise ProofRequired(proof)


def asks(proof: Proof) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Have an action ask `proof` of its actor (`by`) before anything else; every action says which.

    FIVE_MINUTES for how users sign in, HALF_HOUR for any other change of the office or of another user, NONE for one's
    own preferences and for what has a proof of its own, such as a mailed link.
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
    """Return `user` acting in the browser; `request` tells from where."""
    return _from(request, user, Origin.PAGE)


def helping(request: HttpRequest, user: User, reason: str) -> Actor:
    """Return `user` of support, who helps an office and says why."""
    return replace(_from(request, user, Origin.SUPPORT), reason=reason)


def through_api(request: HttpRequest, user: User) -> Actor:
    """Return `user` for whom a program calls the web service; `request` tells from where."""
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
    """Return the operator who runs `manage.py <command>`."""
    return Actor(origin=Origin.COMMAND, name=f"manage.py {command}")


def scheduled(job: str) -> Actor:
    """Return the installation's own periodic `job`."""
    return Actor(origin=Origin.SCHEDULED, name=job, correlation_id=correlation_id())
