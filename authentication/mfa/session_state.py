"""State of the second factor in a browser session: pending, or passed and with which factor."""

import time
from enum import StrEnum

from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from accounts.models import User
from authentication import pending_forms

SECOND_STEP_MINUTES = 10
_PENDING_KEY, _PASSED_KEY = "half_signed_in", "second_factor"


class SecondFactor(StrEnum):
    """Kinds of second factor that a user can pass."""

    APP = "app"
    PASSKEY = "passkey"
    RECOVERY_CODE = "recovery_code"


def start_second_step(request: HttpRequest, user: User) -> None:
    """Record that `user` entered the right password: for SECOND_STEP_MINUTES they may pass a second factor.

    This signs no one in. A password change, a two-factor reset and a block undo it.
    """
    pending_forms.flush_session_except_form(request, user)
    request.session[_PENDING_KEY] = [str(user.pk), user.get_session_auth_hash(), int(time.time())]


def get_pending_user(request: HttpRequest) -> User | None:
    """Return the user who still has to pass a second factor here: half signed in, or signed in without it."""
    user = request.user if isinstance(request.user, User) else _get_half_signed_in_user(request)
    if user is None or user.second_factor_at is None or not user.is_website_user:
        return None
    return None if has_passed_factor(request) else user


def _get_half_signed_in_user(request: HttpRequest) -> User | None:
    if not (kept := request.session.get(_PENDING_KEY)):
        return None
    user_id, auth_hash, began_at = kept
    user: User | None = User.objects.select_related("provider").filter(pk=user_id).first()
    in_time = 0 <= time.time() - began_at < SECOND_STEP_MINUTES * 60
    if user is None or not in_time or not user.may_sign_in:
        return None
    return user if constant_time_compare(auth_hash, user.get_session_auth_hash()) else None


def set_passed_factor(request: HttpRequest, factor: SecondFactor | None) -> None:
    """Store the factor that the user of this session passed, None for none, and end the half-signed-in state."""
    request.session.pop(_PENDING_KEY, None)
    request.session.pop(_PASSED_KEY, None)
    if factor is not None:
        request.session[_PASSED_KEY] = factor.value


def has_passed_factor(request: HttpRequest) -> bool:
    """Return whether the user passed a second factor in this session."""
    return _PASSED_KEY in request.session
