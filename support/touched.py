"""How much closing an office, or opening it again, touches: what support sees before it does so."""

from collections.abc import Iterator
from typing import NamedTuple

from django.utils import timezone
from django.utils.translation import ngettext

from accounts.models import Provider, User
from invitations.models import Invitation
from outbox.models import Message
from signin.models import OpenSession
from webservice.models import AccessToken


class Touched(NamedTuple):
    """How many there are of each."""

    people: int
    sessions: int
    tokens: int
    invitations: int
    messages: int

    @property
    def lines(self) -> Iterator[str]:
        """The counts in words."""
        for count, text in (
            (self.people, ngettext("%(count)d person", "%(count)d people", self.people)),
            (self.sessions, ngettext("%(count)d open session", "%(count)d open sessions", self.sessions)),
            (self.tokens, ngettext("%(count)d token of a program", "%(count)d tokens of programs", self.tokens)),
            (
                self.invitations,
                ngettext("%(count)d open invitation", "%(count)d open invitations", self.invitations),
            ),
            (
                self.messages,
                ngettext("%(count)d message that waits", "%(count)d messages that wait", self.messages),
            ),
        ):
            yield text % {"count": count}


def touched(provider: Provider) -> Touched:
    """Return the counts of an office. Five queries."""
    now = timezone.now()
    sessions = OpenSession.objects.filter(provider=provider, session__expire_date__gt=now)
    return Touched(
        User.objects.filter(provider=provider).count(),
        sessions.count(),
        AccessToken.objects.filter(provider=provider, expires__gt=now).count(),
        Invitation.objects.filter(provider=provider, state=Invitation.State.OPEN, expires_at__gt=now).count(),
        Message.objects.waiting().filter(provider_id=provider.pk).count(),
    )
