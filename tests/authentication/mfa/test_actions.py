"""A user's own second factors: the rules behind the pages."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from unittest.mock import patch
from urllib.parse import unquote
from uuid import uuid4

import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.utils import timezone

from accounts.models import LoginMethod, Provider, User
from audit.models import Event
from authentication import mfa, recovery_codes, totp
from authentication.mfa import actions
from authentication.mfa.actions import LastDeviceRequired, TooManyDevices
from authentication.models import AuthenticatorApp, RecoveryCodes
from authentication.totp import TotpEnrollment
from core import encryption
from core.throttle import Throttled
from outbox.models import Message
from permissions import checks
from permissions.checks import Right
from permissions.models import Team, TeamMember
from tests.helpers.mfa import code_at, code_now, give_app, secret_of, wrong
from tests.helpers.users import actor, make_user

pytestmark = pytest.mark.django_db
RFC = b"12345678901234567890"
VECTORS = {
    59: "94287082",
    1111111109: "07081804",
    1111111111: "14050471",
    1234567890: "89005924",
    2000000000: "69279037",
}


@pytest.mark.parametrize(("moment", "code"), VECTORS.items())
def test_codes_are_those_of_the_standard(moment: int, code: str) -> None:
    assert code_at(RFC, moment, digits=8) == code
    with time_machine.travel(moment, tick=False):
        assert totp.find_matching_step(RFC, code[2:], after=0) == moment // 30


@pytest.mark.parametrize(("steps", "works"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_off_by_one_step(bob: User, steps: int, works: bool) -> None:
    secret = give_app(bob)
    with time_machine.travel(timezone.now(), tick=False):
        assert bool(actions.verify_totp_code(bob, code_now(secret, steps))) is works


def test_a_code_works_once_and_none_before_it_works_any_more(bob: User) -> None:
    secret = give_app(bob)
    with time_machine.travel(timezone.now(), tick=False):
        assert actions.verify_totp_code(bob, code_now(secret))
        assert not actions.verify_totp_code(bob, code_now(secret))
        assert not actions.verify_totp_code(bob, code_now(secret, -1))
        assert actions.verify_totp_code(bob, code_now(secret, 1))


def test_the_code_that_enrolled_a_device_does_not_sign_in(bob: User) -> None:
    offer = TotpEnrollment.generate()
    with time_machine.travel(timezone.now(), tick=False):
        actions.add_authenticator_app(bob, offer, name="x", code=code_now(offer.secret), by=actor(bob))
        assert not actions.verify_totp_code(bob, code_now(offer.secret))


def test_a_code_of_another_users_device_is_rejected(alice: User, bob: User) -> None:
    give_app(bob)
    assert not actions.verify_totp_code(bob, code_now(give_app(alice)))


def test_each_of_several_devices_works(bob: User) -> None:
    first, second = give_app(bob, "Telefoon"), give_app(bob, "Tablet")
    assert actions.verify_totp_code(bob, code_now(second)).name == "Tablet"
    assert actions.verify_totp_code(bob, code_now(first)).name == "Telefoon"
    assert [device.name for device in actions.list_devices(bob)] == ["Telefoon", "Tablet"]


def guess(user: User, secret: bytes) -> timedelta | None:
    """Enter a wrong code; return the seconds until the next attempt if this one was not verified."""
    try:
        assert not actions.verify_totp_code(user, wrong(code_now(secret)))
    except Throttled as error:
        return error.wait
    return None


@pytest.mark.parametrize("guesses", [700, pytest.param(10_000, marks=pytest.mark.slow)])
def test_repeated_guesses_get_longer_pauses_without_a_lockout(bob: User, guesses: int) -> None:
    secret = give_app(bob)
    codes = actions.generate_recovery_codes(bob, by=actor(bob))
    with time_machine.travel(timezone.now(), tick=False) as clock:
        assert [guess(bob, secret) is None for _try in range(7)] == [True] * 5 + [False] * 2
        taken = 5
        for _try in range(guesses):
            clock.shift(timedelta(hours=3) / guesses)
            taken += guess(bob, secret) is None
        assert 10 < taken < 25
        wait = None
        while wait is None:
            wait = guess(bob, secret)
        assert timedelta(0) < wait <= timedelta(hours=1)
        assert actions.verify_recovery_code(bob, codes[0], by=actor(bob))
        clock.shift(timedelta(hours=1))
        assert actions.verify_totp_code(bob, code_now(secret))
        assert guess(bob, secret) is None  # a correct code restores all attempts


def test_the_secret_is_encrypted_and_bound_to_its_row(alice: User, bob: User) -> None:
    secret = give_app(bob)
    app = AuthenticatorApp.objects.get()
    assert secret not in bytes(app.encrypted_secret)
    assert secret_of(app) == secret
    give_app(alice)
    AuthenticatorApp.objects.filter(user=alice).update(encrypted_secret=app.encrypted_secret)
    with pytest.raises(encryption.DecryptionError):
        actions.verify_totp_code(alice, code_now(secret))


def test_an_offer_works_for_its_own_person_within_the_hour(alice: User, bob: User) -> None:
    offer = TotpEnrollment.generate()
    encrypted = offer.encrypt_for(bob)
    assert TotpEnrollment.decrypt_for(encrypted, bob) == offer
    assert TotpEnrollment.decrypt_for(encrypted, alice) is None
    for broken in ("", "x", "é", encrypted[:-4], "AAAA" + encrypted[4:]):
        assert TotpEnrollment.decrypt_for(broken, bob) is None
    with time_machine.travel(timezone.now() + timedelta(hours=1, seconds=1)):
        assert TotpEnrollment.decrypt_for(encrypted, bob) is None


def test_the_address_in_the_picture_says_whose_it_is(bob: User) -> None:
    offer = TotpEnrollment.generate()
    assert offer.build_otpauth_uri(bob).startswith("otpauth://totp/Loket%3Abob?secret=")
    picture = offer.render_qr_code(bob)
    assert picture.startswith("<svg")
    assert "style" not in picture


@pytest.mark.parametrize("username", ["a:b/c d@e", "100% %20 x", "a?b#c&d=e", "Zoë Ünlü", "a\\b+c"])
def test_the_label_of_the_picture_holds_any_username(bob: User, username: str) -> None:
    bob.username = username
    label, _, _ = TotpEnrollment.generate().build_otpauth_uri(bob).removeprefix("otpauth://totp/").partition("?")
    assert not set(label) & set("/ :#")
    assert unquote(label).split(":", maxsplit=1) == ["Loket", username]


def test_adding_leaves_an_event_and_a_mail_without_the_secret(bob: User) -> None:
    give_app(bob, "Telefoon")
    event = Event.objects.get(verb="factor_added")
    assert (event.target_id, event.changes) == (bob.pk, {"device": [None, "Telefoon"]})
    assert Message.objects.get().kind == "factor_added"
    assert bob.second_factor_at is not None


def test_the_same_offer_twice_is_one_device_and_two_tabs_make_two(bob: User) -> None:
    first, second = TotpEnrollment.generate(), TotpEnrollment.generate()
    for offer in (first, first, second):
        assert actions.add_authenticator_app(bob, offer, name="x", code=code_now(offer.secret), by=actor(bob))
    assert AuthenticatorApp.objects.count() == 2
    assert Event.objects.filter(verb="factor_added").count() == 2


def test_a_wrong_code_adds_nothing(bob: User) -> None:
    offer = TotpEnrollment.generate()
    assert (
        actions.add_authenticator_app(bob, offer, name="x", code=wrong(code_now(offer.secret)), by=actor(bob)) is None
    )
    assert not AuthenticatorApp.objects.exists()
    bob.refresh_from_db()
    assert bob.second_factor_at is None


def test_only_website_users_enrol_and_only_for_themselves(alice: User, bob: User, office: Provider) -> None:
    service = make_user(office, username="s", login_method=LoginMethod.SSO_WEBSERVICE)
    for user, by in ((bob, alice), (service, service)):
        offer = TotpEnrollment.generate()
        with pytest.raises(PermissionDenied):
            actions.add_authenticator_app(user, offer, name="x", code=code_now(offer.secret), by=actor(by))
        with pytest.raises(PermissionDenied):
            actions.generate_recovery_codes(user, by=actor(by))
    assert not AuthenticatorApp.objects.exists()


def test_there_is_a_limit_to_devices(bob: User) -> None:
    for _device in range(actions.MAX_DEVICES):
        give_app(bob)
    with pytest.raises(TooManyDevices):
        give_app(bob)


def test_removing_the_last_device_takes_the_codes_along_and_ends_sessions(bob: User) -> None:
    give_app(bob)
    actions.generate_recovery_codes(bob, by=actor(bob))
    version = bob.session_version
    user = actions.remove_device(bob, AuthenticatorApp.objects.get().pk, by=actor(bob))
    assert (user.second_factor_at, user.session_version) == (None, version + 1)
    assert not RecoveryCodes.objects.exists()
    assert Event.objects.filter(verb="factor_removed").count() == 1


def test_the_last_device_stays_while_it_is_required(bob: User, office: Provider) -> None:
    give_app(bob)
    give_app(bob)
    team = Team.objects.create(provider=office, name="Salaris", two_factor_required=True)
    TeamMember.objects.create(provider=office, team=team, user=bob)
    first, second = AuthenticatorApp.objects.order_by("pk")
    actions.remove_device(bob, first.pk, by=actor(bob))
    with pytest.raises(LastDeviceRequired):
        actions.remove_device(bob, second.pk, by=actor(bob))
    with pytest.raises(KeyError):
        actions.remove_device(bob, uuid4(), by=actor(bob))


def test_recovery_codes_work_once_however_they_are_typed(bob: User, alice: User) -> None:
    give_app(bob)
    give_app(alice)
    codes = actions.generate_recovery_codes(bob, by=actor(bob))
    assert len(set(codes)) == recovery_codes.CODE_COUNT
    assert not actions.verify_recovery_code(alice, codes[0], by=actor(alice))
    assert actions.verify_recovery_code(bob, f" {codes[0].upper().replace('-', ' ')} ", by=actor(bob))
    assert not actions.verify_recovery_code(bob, codes[0], by=actor(bob))
    assert actions.count_recovery_codes(bob) == recovery_codes.CODE_COUNT - 1
    assert Event.objects.filter(verb="recovery_code_used").count() == 1
    actions.generate_recovery_codes(bob, by=actor(bob))
    assert not actions.verify_recovery_code(bob, codes[1], by=actor(bob))
    assert actions.count_recovery_codes(bob) == recovery_codes.CODE_COUNT


def test_recovery_codes_lie_nowhere_readable(bob: User) -> None:
    give_app(bob)
    codes = actions.generate_recovery_codes(bob, by=actor(bob))
    with connection.cursor() as cursor:
        for table in ("authentication_recoverycodes", "audit_event", "outbox_message", "django_session"):
            cursor.execute(f"SELECT count(*) FROM {table} t WHERE t::text ~ %s", ["|".join(codes)])
            assert cursor.fetchone() == (0,), table


def test_guessing_at_recovery_codes_is_slowed_by_network_address_only(bob: User) -> None:
    give_app(bob)
    codes = actions.generate_recovery_codes(bob, by=actor(bob))
    elsewhere, here = actor(bob).__class__("page", "x", bob, "192.0.2.1"), actor(bob)
    for _guess in range(10):
        actions.verify_recovery_code(bob, "00000-00000", by=elsewhere)
    with pytest.raises(Throttled):
        actions.verify_recovery_code(bob, codes[0], by=elsewhere)
    assert actions.verify_recovery_code(bob, codes[0], by=here)


@pytest.mark.parametrize("by_team", [False, True])
def test_a_user_who_lacks_a_required_factor_has_no_rights(office: Provider, by_team: bool) -> None:
    user = make_user(office, Right.VIEW_USERS, username="x", two_factor_required=not by_team)
    if by_team:
        team = Team.objects.create(provider=office, name="Salaris", two_factor_required=True)
        TeamMember.objects.create(provider=office, team=team, user=user)
    assert mfa.must_enroll(user)
    assert not checks.has_right(user, Right.VIEW_USERS)
    give_app(user)
    assert not mfa.must_enroll(user)
    assert checks.has_right(user, Right.VIEW_USERS)


def test_other_kinds_and_those_whom_no_rule_asks_need_none(office: Provider, bob: User) -> None:
    assert not mfa.must_enroll(bob)
    service = make_user(office, username="s", login_method=LoginMethod.SSO_WEBSERVICE)
    team = Team.objects.create(provider=office, name="Salaris", two_factor_required=True)
    TeamMember.objects.create(provider=office, team=team, user=service)
    assert not mfa.must_enroll(service)
    for user in mfa.annotate_factor_due(User.objects.all()):
        assert user.factor_due is None


def test_a_code_is_not_compared_when_the_throttle_says_no(bob: User) -> None:
    secret = give_app(bob)
    for _guess in range(5):
        actions.verify_totp_code(bob, wrong(code_now(secret)))
    with patch("authentication.totp.find_matching_step") as compared, pytest.raises(Throttled):
        actions.verify_totp_code(bob, code_now(secret))
    assert not compared.called


@pytest.mark.django_db(transaction=True)
def test_two_tabs_that_enrol_at_the_same_moment_lose_nothing(bob: User) -> None:
    same, other = TotpEnrollment.generate(), TotpEnrollment.generate()

    def add(offer: TotpEnrollment) -> bool:
        try:
            return (
                actions.add_authenticator_app(bob, offer, name="x", code=code_now(offer.secret), by=actor(bob))
                is not None
            )
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(add, [same, same, other, same]))
    assert AuthenticatorApp.objects.count() == 2
    assert Event.objects.filter(verb="factor_added").count() == 2
    bob.refresh_from_db()
    assert bob.second_factor_at is not None


@pytest.mark.django_db(transaction=True)
def test_of_the_same_code_twice_at_the_same_moment_one_works(bob: User) -> None:
    secret = give_app(bob)
    codes = actions.generate_recovery_codes(bob, by=actor(bob))

    def use(way: str) -> bool:
        try:
            if way == "code":
                return bool(actions.verify_totp_code(bob, code_now(secret)))
            return bool(actions.verify_recovery_code(bob, codes[0], by=actor(bob)))
        finally:
            connection.close()

    for way in ("code", "recovery code"):
        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(use, [way] * 4)) == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_last_devices_that_go_at_the_same_moment_one_stays_while_required(bob: User, office: Provider) -> None:
    give_app(bob)
    give_app(bob)
    Provider.objects.filter(pk=office.pk).update(two_factor_from=timezone.localdate())

    def remove(device: AuthenticatorApp) -> bool:
        try:
            actions.remove_device(bob, device.pk, by=actor(bob))
        except LastDeviceRequired:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(remove, AuthenticatorApp.objects.all())) == [False, True]
    assert AuthenticatorApp.objects.count() == 1
