"""Impersonations of users by support."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q, Value
from django.utils import timezone

from accounts.models import Provider, User
from loket import clocks
from loket.ids import uuid7
from loket.tenant_keys import CompositeForeignKey, SameOfficeForeignKey
from signin.models import OpenSession

MINUTES = 30


class LookQuerySet(models.QuerySet["Look"]):
    def begun(self) -> LookQuerySet:
        """Return those without a recorded end, with the relations that `Look.goes_on` reads."""
        return self.filter(ended_at=None).select_related("person__provider", "helper", "session")


class Look(models.Model):
    """Period in which a support user sees the pages of an office as one of its users.

    A foreign key enforces that `helper` is a support user. `person` cannot be one, because support users belong to no
    office.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="+")
    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    helper = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    of_support = models.GeneratedField(  # of the helper
        expression=Value(True), output_field=models.BooleanField(), db_persist=True
    )
    session = models.ForeignKey(OpenSession, on_delete=models.SET_NULL, null=True, related_name="+")  # the helper's
    reason = models.CharField(max_length=500)
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    objects = LookQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["helper"], condition=Q(ended_at=None), name="look_one_at_a_time"),
            SameOfficeForeignKey("person"),
            CompositeForeignKey(
                fields=["helper", "of_support"],
                to_fields=["id", "is_support"],
                name="%(app_label)s_%(class)s_by_support",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def until(self) -> datetime:
        """Time at which it ends at the latest."""
        return self.started_at + timedelta(minutes=MINUTES)

    def goes_on(self) -> bool:
        """Return whether it is still valid: neither time, its session, either account nor the office has ended it."""
        session, helper = self.session, self.helper
        in_time = self.ended_at is None and clocks.is_before(self.until, within=timedelta(minutes=MINUTES))
        goes_on = session is not None and session.life.ended() is None
        still_in = session is not None and session.session_version == helper.session_version and helper.may_sign_in
        return in_time and goes_on and still_in and self.person.may_sign_in and self.person.provider.support_may_look
