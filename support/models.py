"""Impersonations of users by support."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q, Value
from django.utils import timezone

from accounts.models import Provider, User
from authentication.models import UserSession
from core import clock_skew
from core.composite_keys import CompositeForeignKey, SameOfficeForeignKey
from core.ids import uuid7

IMPERSONATION_MINUTES = 30


class ImpersonationQuerySet(models.QuerySet["Impersonation"]):
    def begun(self) -> ImpersonationQuerySet:
        """Return those without a recorded end, with the relations that `Impersonation.is_ongoing` reads."""
        return self.filter(ended_at=None).select_related("user__provider", "supporter", "session")


class Impersonation(models.Model):
    """Period in which a support user sees the pages of an office as one of its users.

    A foreign key enforces that `supporter` is a support user. `user` cannot be one, because those belong to no office.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    supporter = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    of_support = models.GeneratedField(  # of the supporter
        expression=Value(True), output_field=models.BooleanField(), db_persist=True
    )
    session = models.ForeignKey(UserSession, on_delete=models.SET_NULL, null=True, related_name="+")  # the supporter's
    reason = models.CharField(max_length=500)
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    objects = ImpersonationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["supporter"], condition=Q(ended_at=None), name="impersonation_one_at_a_time"
            ),
            SameOfficeForeignKey("user"),
            CompositeForeignKey(
                fields=["supporter", "of_support"],
                to_fields=["id", "is_support"],
                name="%(app_label)s_%(class)s_by_support",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def until(self) -> datetime:
        return self.started_at + timedelta(minutes=IMPERSONATION_MINUTES)

    def is_ongoing(self) -> bool:
        """Return whether it is still valid: neither time, its session, either account nor the office has ended it."""
        session, supporter = self.session, self.supporter
        in_time = self.ended_at is None and clock_skew.is_still_valid(
            self.until, within=timedelta(minutes=IMPERSONATION_MINUTES)
        )
        is_ongoing = session is not None and session.lifetime.get_end_reason() is None
        still_in = (
            session is not None and session.session_version == supporter.session_version and supporter.may_sign_in
        )
        return in_time and is_ongoing and still_in and self.user.may_sign_in and self.user.office.support_may_look
