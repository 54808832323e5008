"""What the tables of an office share."""

from typing import Self, TypeVar

from django.db import models

from accounts.models import Provider, User, build_office_filter
from core.ids import uuid7
from core.key_fields import KeyedQuerySet

ModelT = TypeVar("ModelT", bound=models.Model)


class OfficeQuerySet(KeyedQuerySet[ModelT]):
    def visible_to(self, user: User) -> Self:
        """Return the rows of the office of `user`; rows of other offices do not exist for them (rule 1)."""
        return self.filter(build_office_filter(user))


class OfficeModel(models.Model):
    """A row of an office. The key of the office has no index of its own: it leads the others."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, db_index=False, related_name="+")

    class Meta:
        abstract = True
