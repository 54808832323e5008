"""Impact of an action on an office or an application, shown before support confirms it."""

from django.utils import timezone
from django.utils.translation import ngettext

from accounts.models import Provider, User
from authentication.models import UserSession
from invitations.models import Invitation
from oauth.models import AccessToken, Application
from outbox.models import Message


def describe_office_impact(provider: Provider) -> list[str]:
    now = timezone.now()
    users = User.objects.filter(provider=provider).count()
    sessions = UserSession.objects.alive().filter(provider=provider).count()
    tokens = AccessToken.objects.filter(provider=provider, expires__gt=now).count()
    invited = Invitation.objects.filter(provider=provider, state=Invitation.State.OPEN, expires_at__gt=now).count()
    waiting = Message.objects.pending().filter(provider_id=provider.pk).count()
    return [
        ngettext("%(count)d user", "%(count)d users", users) % {"count": users},
        ngettext("%(count)d open session", "%(count)d open sessions", sessions) % {"count": sessions},
        ngettext("%(count)d integration token", "%(count)d integration tokens", tokens) % {"count": tokens},
        ngettext("%(count)d open invitation", "%(count)d open invitations", invited) % {"count": invited},
        ngettext("%(count)d waiting message", "%(count)d waiting messages", waiting) % {"count": waiting},
    ]


def describe_application_impact(application: Application) -> list[str]:
    users = application.consents.count()
    offices = application.consents.values("provider").distinct().count()
    return [
        ngettext("%(count)d user who allowed it", "%(count)d users who allowed it", users) % {"count": users},
        ngettext("%(count)d office", "%(count)d offices", offices) % {"count": offices},
    ]
