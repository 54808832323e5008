"""State of the second factor in a browser session: pending, or verified with a device (`User.is_verified`)."""

import time

import django_otp
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from accounts.models import User
from authentication import pending_forms
from authentication.models import MfaDevice

SECOND_STEP_MINUTES = 10
_PENDING_KEY = "half_signed_in"


def start_second_step(request: HttpRequest, user: User) -> None:
    """Record that `user` entered the right password: for SECOND_STEP_MINUTES they may pass a second factor.

    This does not sign the user in. A password change, a two-factor reset and a block invalidate it.
    """
    pending_forms.flush_session_except_forms(request, user)
    request.session[_PENDING_KEY] = [str(user.pk), user.get_session_auth_hash(), int(time.time())]


def get_pending_user(request: HttpRequest) -> User | None:
    """Return the user who still has to pass a second factor here: half signed in, or signed in without it."""
    user = request.user if isinstance(request.user, User) else _get_half_signed_in_user(request)
    if user is None or user.second_factor_at is None or not user.is_website_user or user.is_verified():
        return None
    return user


def _get_half_signed_in_user(request: HttpRequest) -> User | None:
    if not (stored := request.session.get(_PENDING_KEY)):
        return None
    user_id, auth_hash, began_at = stored
    user: User | None = User.objects.select_related("provider").filter(pk=user_id).first()
    in_time = 0 <= time.time() - began_at < SECOND_STEP_MINUTES * 60
    if user is None or not in_time or not user.may_sign_in:
        return None
    return user if constant_time_compare(auth_hash, user.get_session_auth_hash()) else None


def set_verified_device(request: HttpRequest, device: MfaDevice | None) -> None:
    """Store the device that the user of this session proved to have, None for none; end the half-signed-in state."""
    request.session.pop(_PENDING_KEY, None)
    request.session.pop(django_otp.DEVICE_ID_SESSION_KEY, None)
    request.user.otp_device = None  # type: ignore[union-attr]  # a user is signed in
    django_otp.login(request, device)
