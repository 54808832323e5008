"""Authentication backend that loads the user of a session."""

from uuid import UUID

from django.contrib.auth.backends import BaseBackend

from accounts.models import User
from authentication.mfa import annotate_factor_due


class ActiveUserBackend(BaseBackend):
    """Load the user of a session. A blocked user, or one whose access ended, loses the session immediately."""

    def get_user(self, user_id: UUID) -> User | None:
        user = annotate_factor_due(User.objects.select_related("provider")).filter(pk=user_id).first()
        return user if user is not None and user.may_sign_in else None
