"""OpenID Connect Back-Channel Logout 1.0: telling applications that sessions of users ended."""

import json
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from django.conf import settings
from django.db.models import QuerySet

import outbox.actions
from accounts.models import User
from audit.actions import record_many
from audit.actors import Actor
from audit.models import Verb
from oauth import oidc
from oauth.models import Application, ClientSession, SigningKey
from outbox.models import Message

MESSAGE_KIND = "logout"
_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_TOKEN_LIFETIME_SECONDS = 120  # section 2.4: at most two minutes is recommended


def handle_ended_sessions(*, users: Iterable[User], by: Actor, session_id: UUID | None, **_others: Any) -> None:
    """Receive `accounts.sessions.sessions_ended`."""
    ended = ClientSession.objects.filter(user__in=users)
    end_client_sessions(ended if session_id is None else ended.filter(session_id=session_id), by=by)


def end_client_sessions(ended: QuerySet[ClientSession], *, by: Actor) -> None:
    """End sessions of users of one office, in the transaction of the change, and tell the applications that ask for it.

    Makes a fixed number of queries, and records an event for each user.
    """
    rows = list(ended.select_for_update(of=("self",)).select_related("application", "user").order_by("pk"))
    if not rows:
        return
    ClientSession.objects.filter(pk__in=[row.pk for row in rows]).delete()
    told = [row for row in rows if row.application.backchannel_logout_uri]
    if not told:
        return
    posts = [(row.application.backchannel_logout_uri, _build_content(row)) for row in told]
    outbox.actions.queue_posts(MESSAGE_KIND, posts, provider_id=told[0].provider_id)
    names: dict[User, set[str]] = defaultdict(set)
    for row in told:
        names[row.user].add(row.application.name)
    changed = [(user, {"integrations": [", ".join(sorted(found)), None]}) for user, found in names.items()]
    record_many(Verb.CLIENTS_LOGGED_OUT, changed, by=by, provider_id=told[0].provider_id)


def end_application_sessions(application: Application, *, by: Actor, **conditions: Any) -> None:
    """End the sessions at `application`, all or those that match `conditions`, office by office."""
    rows = ClientSession.objects.filter(application=application, **conditions)
    for provider_id in rows.order_by("provider_id").values_list("provider_id", flat=True).distinct():
        end_client_sessions(rows.filter(provider=provider_id), by=by)


def find_last_message(application: Application) -> Message | None:
    """Return the last message to the host of an application of an office, in the state in which it is now."""
    host = urlsplit(application.backchannel_logout_uri).hostname
    sent = Message.objects.filter(provider_id=application.provider_id, user_id=None, kind=MESSAGE_KIND, recipient=host)
    return sent.order_by("-pk").first()


def _build_content(row: ClientSession) -> str:
    """Return what `build_form` needs: at a later attempt the user and the application may be gone."""
    claims = {"aud": str(row.application.client_id), "sub": oidc.compute_subject(row.user), "sid": str(row.pk)}
    return json.dumps({"algorithm": row.application.algorithm, "claims": claims})


def build_form(content: str) -> dict[str, str]:
    """Return the form with the logout token (section 2.5), signed now: it is valid for two minutes."""
    found, now = json.loads(content), int(time.time())
    claims = found["claims"] | {
        "iss": settings.LOKET_URL,
        "iat": now,
        "exp": now + _TOKEN_LIFETIME_SECONDS,
        "jti": str(uuid4()),
        "events": {_EVENT: {}},
    }
    return {"logout_token": SigningKey.objects.sign(claims, found["algorithm"], typ="logout+jwt")}
