"""Who may do what: for now the rights that one person holds by himself."""

from django.db import models

from accounts.models import Provider, User
from loket.ids import uuid7


class IndividualRight(models.Model):
    """A right given to one person; the code of the right is a `teams.rights.Right`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="individual_rights")
    right = models.CharField(max_length=40)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "right"], name="individual_right_once")]

    def __str__(self) -> str:
        return self.right
