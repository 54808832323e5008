"""Sessions of users at applications, which back-channel logout ends."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

from django.db import models
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import Provider, User
from authentication import sessions
from authentication.models import UserSession
from core.composite_keys import SameOfficeForeignKey

RETENTION = timedelta(days=30)  # after the last token: by then the application has ended the session itself


class ClientSessionQuerySet(models.QuerySet["ClientSession"]):
    def start(self, request: HttpRequest, user: User, application_id: UUID) -> UUID:
        """Return the `sid` of the browser session at the application, a new one at the first sign-in.

        If the session was just ended, the `sid` is of no row, so that its code brings no tokens.
        """
        session_id = sessions.ensure_session_id(request, user)
        if UserSession.objects.select_for_update(no_key=True).filter(pk=session_id).first() is None:
            return uuid4()
        values = {"provider": user.office, "user": user}
        return self.get_or_create(session_id=session_id, application_id=application_id, defaults=values)[0].pk

    def touch(self, sid: UUID) -> bool:
        """Lock the session and record that it got tokens; return False if it was ended."""
        return bool(self.filter(pk=sid).update(used_at=timezone.now()))


class ClientSession(models.Model):
    """A session of a user at an application; its id is the `sid`, random, so that it reveals nothing.

    It outlives the browser session that expires: users go on in the application.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    application = models.ForeignKey("oauth.Application", on_delete=models.CASCADE, related_name="+")
    session_id = models.UUIDField()  # of the UserSession
    used_at = models.DateTimeField(default=timezone.now, db_index=True)

    objects = ClientSessionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["session_id", "application"], name="client_session_once"),
            SameOfficeForeignKey("user"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
