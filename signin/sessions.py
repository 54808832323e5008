"""Opening and closing a browser session."""

from django.contrib import auth
from django.db import transaction
from django.http import HttpRequest

from accounts.models import User
from audit.actions import record
from audit.actors import on_page
from audit.models import Verb
from signin import recent
from signin.factors import passing
from signin.factors.passing import Factor


@transaction.atomic
def start(request: HttpRequest, user: User, *, factor: Factor | None = None) -> None:
    """Open a browser session for `user` under a new session key, note the moment and record it.

    Whoever calls this has made sure that it is really `user`. Of somebody with a second factor `factor` says which one
    he passed; without it the session opens nothing until he has (see `signin.middleware`).
    """
    auth.login(request, user)
    passing.settle(request, factor)
    recent.note(request, with_factor=factor in (Factor.APP, Factor.PASSKEY))
    record(Verb.SIGNED_IN, user, by=on_page(request, user), provider_id=user.provider_id)


@transaction.atomic
def end(request: HttpRequest, user: User) -> None:
    """Close the browser session of `user` and record it."""
    auth.logout(request)
    record(Verb.SIGNED_OUT, user, by=on_page(request, user), provider_id=user.provider_id)
