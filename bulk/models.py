"""A file that was sent in the browser, until it is applied or an hour is over."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Provider, User
from loket.ids import uuid7

KEPT = timedelta(hours=1)


def in_an_hour() -> datetime:
    """Return until when a file that comes in now is kept."""
    return timezone.now() + KEPT


class UploadQuerySet(models.QuerySet["Upload"]):
    """Questions over many uploads."""

    def visible_to(self, user: User) -> Self:
        """Return what `user` sent, while it is kept; nobody else sees the numbers and passwords in it."""
        return self.filter(provider_id=user.provider_id, user=user, expires_at__gt=timezone.now())


class Upload(models.Model):
    """A file of people with its plan, all of it sealed; after applying the file is gone and the result is there."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=100)
    invite = models.BooleanField(default=False)
    sealed_file = models.BinaryField(null=True)
    sealed_plan = models.BinaryField()
    sealed_result = models.BinaryField(null=True)
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(default=in_an_hour, db_index=True)

    objects = UploadQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(sealed_file__isnull=True) ^ Q(sealed_result__isnull=True), name="upload_file_or_result"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_applied(self) -> bool:
        """Whether what it says was done."""
        return self.sealed_result is not None

    def seal_context(self, part: str) -> str:
        """Return what a sealed part is bound to."""
        return f"bulk.Upload {self.pk} {part}"
