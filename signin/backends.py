"""Who a session belongs to."""

from uuid import UUID

from django.contrib.auth.backends import BaseBackend

from accounts.models import User
from signin.factors import with_duty


class EffectiveUserBackend(BaseBackend):
    """Load the person of a session; somebody who was blocked or whose access ended is nobody at once."""

    def get_user(self, user_id: UUID) -> User | None:
        """Return the person, with the office and whether a second factor is missing, or None."""
        user = with_duty(User.objects.select_related("provider")).filter(pk=user_id).first()
        return user if user is not None and user.may_sign_in else None
