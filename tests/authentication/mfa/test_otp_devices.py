"""What django-otp says of a session: verified by a device that the user still has, and by nothing else."""

from datetime import timedelta

import django_otp
import pytest
import time_machine
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone
from django_otp.decorators import otp_required
from django_otp.middleware import OTPMiddleware
from django_otp.models import Device, ThrottlingMixin

from accounts.models import Provider, User
from authentication.mfa import actions
from authentication.models import AuthenticatorApp, Passkey, RecoveryCodes
from support.site import site
from tests.helpers.mfa import code_now, give_app, make_half_signed_in_client, signed_in, wrong
from tests.helpers.users import actor, make_support

pytestmark = pytest.mark.django_db


def open_page(client: Client, user: User | AnonymousUser) -> HttpRequest:
    """Return a request of the session of `client`, as django-otp's middleware leaves it."""
    request = RequestFactory().get("/")
    request.session, request.user = client.session, user
    OTPMiddleware(lambda _request: HttpResponse())(request)
    return request


def test_devices_are_of_django_otp_and_are_found_by_it(bob: User) -> None:
    give_app(bob)
    actions.generate_recovery_codes(bob, by=actor(bob))
    app, codes = bob.authenticator_apps.get(), bob.recovery_codes.get()
    assert {AuthenticatorApp, Passkey, RecoveryCodes} <= set(django_otp.device_classes())
    assert issubclass(AuthenticatorApp, ThrottlingMixin)
    assert list(django_otp.devices_for_user(bob)) == [app, codes]
    assert [Device.from_persistent_id(device.persistent_id) for device in (app, codes)] == [app, codes]


def test_a_session_is_verified_by_the_device_that_was_shown(alice: User, bob: User) -> None:
    secret = give_app(bob)
    client = signed_in(bob, secret)
    request = open_page(client, bob)
    assert request.user.is_verified()
    assert request.user.otp_device == bob.authenticator_apps.get()
    view = otp_required(lambda _request: HttpResponse("done"))
    assert view(request).content == b"done"
    assert not open_page(client, alice).user.is_verified()  # of another user
    assert not open_page(Client(), AnonymousUser()).user.is_verified()
    assert view(open_page(make_half_signed_in_client(bob), AnonymousUser())).status_code == 302


def test_a_recovery_code_verifies_until_the_last_device_goes(bob: User) -> None:
    give_app(bob)
    client = make_half_signed_in_client(bob)
    first, second, *_rest = actions.generate_recovery_codes(bob, by=actor(bob))
    client.post("/inloggen/herstelcode/", {"code": first})
    assert open_page(client, bob).user.otp_device == bob.recovery_codes.get()
    actions.generate_recovery_codes(bob, by=actor(bob))
    assert open_page(client, bob).user.is_verified()
    assert not actions.verify_recovery_code(bob, second, by=actor(bob))
    actions.remove_device(bob, bob.authenticator_apps.get().pk, by=actor(bob))
    assert not open_page(client, bob).user.is_verified()


def test_the_session_of_a_removed_device_asks_for_another_one(bob: User) -> None:
    client, other = signed_in(bob, give_app(bob, "Telefoon")), give_app(bob, "Tablet")
    device = bob.authenticator_apps.get(name="Telefoon")
    assert client.post(f"/profiel/twee-factor/{device.pk}/verwijderen/").status_code == 302
    assert client.get("/profiel/")["Location"] == "/inloggen/code/?next=%2Fprofiel%2F"
    assert client.post("/inloggen/code/", {"code": code_now(other)}).status_code == 302
    assert client.get("/profiel/").status_code == 200


def test_the_admin_site_opens_to_verified_support_only(office: Provider, bob: User) -> None:
    dora = make_support()
    secret = give_app(dora)
    assert site.has_permission(open_page(signed_in(dora, secret), dora))
    unverified = Client()
    unverified.force_login(dora)
    assert not site.has_permission(open_page(unverified, dora))
    assert not site.has_permission(open_page(signed_in(bob, give_app(bob)), bob))


def test_a_wrong_code_counts_for_every_app_and_a_right_one_for_none(bob: User) -> None:
    secret = give_app(bob)
    give_app(bob, "Tablet")
    for _guess in range(4):
        assert not actions.verify_totp_code(bob, wrong(code_now(secret)))
    assert set(bob.authenticator_apps.values_list("throttling_failure_count", flat=True)) == {4}
    assert actions.verify_totp_code(bob, code_now(secret))
    assert set(bob.authenticator_apps.values_list("throttling_failure_count", flat=True)) == {0}


def test_a_failure_of_a_clock_that_ran_ahead_locks_nobody_out(bob: User) -> None:
    secret = give_app(bob)
    ahead = timezone.now() + timedelta(days=400)
    bob.authenticator_apps.update(throttling_failure_count=30, throttling_failure_timestamp=ahead)
    assert actions.verify_totp_code(bob, code_now(secret))
    bob.authenticator_apps.update(throttling_failure_count=30, throttling_failure_timestamp=timezone.now())
    app = bob.authenticator_apps.get()
    assert not app.verify_is_allowed()[0]
    assert not app.verify_token(code_now(secret, 1))
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        assert app.verify_is_allowed()[0]
