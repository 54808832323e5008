"""What the web service keeps."""

from django.db import models

from accounts.models import Provider, User
from loket.ids import uuid7


class KeptAnswer(models.Model):
    """The answer to a request with an Idempotency-Key, for 24 hours: the same request again gets it again."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    key_hash = models.CharField(max_length=64, unique=True)  # of the caller, the address and the key
    body_hash = models.CharField(max_length=64)
    sealed_answer = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def seal_context(self) -> str:
        """What the sealed answer is bound to."""
        return f"webservice answer:{self.pk}"
