"""State of the second factor in a browser session: pending, or verified with a device (`User.is_verified`)."""

import time
from typing import NamedTuple

import django_otp
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from accounts.models import User
from authentication import pending_forms
from authentication.models import MfaDevice
from core import clock_skew
from core.ids import uuid7

SECOND_STEP_MINUTES, _MAX_PENDING_STEPS = 10, 5
STEP_PARAMETER, ANY_USER = "step", "any"  # the latter is no step: a passkey of the login page
_PENDING_KEY = "half_signed_in"


class _PendingStep(NamedTuple):
    user_id: str
    auth_hash: str
    began_at: int  # seconds since 1970
    is_first: bool  # meant by a URL without STEP_PARAMETER


def start_second_step(request: HttpRequest, user: User) -> dict[str, str]:
    """Record that `user` entered the right password: for SECOND_STEP_MINUTES they may pass a second factor.

    This does not sign the user in. A password change, a two-factor reset and a block invalidate it. Steps of other
    users, in other tabs, go on. Return the query parameters of the page of this step.
    """
    steps = _load_steps(request)
    name = next((name for name, step in steps.items() if step.user_id == str(user.pk)), uuid7().hex)
    others = {other: step for other, step in steps.items() if other != name}
    is_first = not any(step.is_first for step in others.values())
    pending_forms.flush_session_except_forms(request, user)
    step = _PendingStep(str(user.pk), user.get_session_auth_hash(), int(time.time()), is_first)
    request.session[_PENDING_KEY] = dict(list({**others, name: step}.items())[-_MAX_PENDING_STEPS:])
    return {} if is_first else {STEP_PARAMETER: name}


def get_step_name(request: HttpRequest) -> str:
    """Return the name of the second step that this request is about, or ""."""
    steps = _load_steps(request)
    if name := request.POST.get(STEP_PARAMETER) or request.GET.get(STEP_PARAMETER):
        return name if name in steps else ""
    return next((name for name, step in steps.items() if step.is_first), "")


def _load_steps(request: HttpRequest) -> dict[str, _PendingStep]:
    """Return the steps that began in this session less than SECOND_STEP_MINUTES ago, by name, the oldest first."""
    stored = {name: _PendingStep(*step) for name, step in request.session.get(_PENDING_KEY, {}).items()}
    seconds = SECOND_STEP_MINUTES * 60
    return {name: step for name, step in stored.items() if clock_skew.is_recent(step.began_at, within=seconds)}


def get_pending_user(request: HttpRequest) -> User | None:
    """Return the user who still has to pass a second factor here: half signed in, or signed in without it."""
    user = request.user if isinstance(request.user, User) else _get_half_signed_in_user(request)
    if user is None or user.second_factor_at is None or not user.is_website_user or user.is_verified():
        return None
    return user


def _get_half_signed_in_user(request: HttpRequest) -> User | None:
    if (step := _load_steps(request).get(get_step_name(request))) is None:
        return None
    user: User | None = User.objects.select_related("provider").filter(pk=step.user_id).first()
    if user is None or not user.may_sign_in:
        return None
    return user if constant_time_compare(step.auth_hash, user.get_session_auth_hash()) else None


def set_verified_device(request: HttpRequest, device: MfaDevice | None) -> None:
    """Store the device that the user of this session proved to have, None for none; end the half-signed-in states."""
    request.session.pop(_PENDING_KEY, None)
    request.session.pop(django_otp.DEVICE_ID_SESSION_KEY, None)
    request.user.otp_device = None  # type: ignore[union-attr]  # a user is signed in
    django_otp.login(request, device)
