"""The previous password of an SSO/Webservice user, see `users.password_overlap`."""

from django.db import models
from django.db.models import Q
from django.utils import timezone


class PreviousPassword(models.Model):
    """The hash of the previous password, and until when it is accepted too; of users without one "" and null."""

    previous_password = models.CharField(max_length=128, default="", editable=False)
    previous_password_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        abstract = True

    @property
    def accepted_previous_password(self) -> str:
        """The hash while it is accepted, else ""."""
        until = self.previous_password_until
        return self.previous_password if until is not None and until > timezone.now() else ""


PREVIOUS_PASSWORD_IS_WHOLE = models.CheckConstraint(
    condition=Q(previous_password="", previous_password_until=None)
    | ~Q(previous_password="") & Q(previous_password_until__isnull=False, login_method="sso_webservice"),
    name="user_previous_password_is_whole",
)
