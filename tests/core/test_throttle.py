"""Rate limits on attempts."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection, connections
from django.utils import translation

from core import throttle
from core.models import Throttle
from core.throttle import RateLimit, Throttled
from outbox.message_limits import MessageLimitReached, TooManyMessages

LIMIT = RateLimit("test", burst=3, every=timedelta(minutes=1))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def tries(limit: RateLimit = LIMIT, key: str = "x", most: int = 50) -> int:
    """Use up attempts until one is refused; return the number of accepted ones."""
    for number in range(most):
        try:
            throttle.consume_attempt(limit, key)
        except Throttled:
            return number
    return most


@pytest.mark.django_db
def test_burst_is_allowed_and_one_attempt_restored_each_period() -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        assert tries() == 3
        clock.shift(59)
        assert tries() == 0
        clock.shift(1)
        assert tries() == 1
        clock.shift(timedelta(days=2))
        assert tries() == 3  # never more than the burst


@pytest.mark.django_db
def test_wait_is_reported() -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        assert tries() == 3
        clock.shift(20)
        with pytest.raises(Throttled) as raised:
            throttle.consume_attempt(LIMIT, "x")
        assert raised.value.wait == timedelta(seconds=40)
        assert "1" in str(raised.value)
        clock.shift(40)
        throttle.consume_attempt(LIMIT, "x")


@pytest.mark.django_db
def test_a_refused_try_costs_nothing() -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        assert tries() == 3
        for _ in range(20):
            assert tries() == 0
        clock.shift(60)
        assert tries() == 1


@pytest.mark.django_db
def test_keys_and_limits_are_counted_apart_and_can_be_reset() -> None:
    assert tries() == 3
    assert tries(key="y") == 3
    assert tries(RateLimit("other", burst=2, every=timedelta(minutes=1))) == 2
    throttle.reset_attempts(LIMIT, "x")
    assert tries() == 3
    assert tries(key="y") == 0


@pytest.mark.django_db
def test_no_readable_key_is_stored() -> None:
    throttle.consume_attempt(LIMIT, "alice")
    assert "alice" not in Throttle.objects.get().key


@pytest.mark.django_db(transaction=True)
def test_no_try_slips_through_when_many_come_at_once() -> None:
    limit = RateLimit("threads", burst=10, every=timedelta(hours=1))

    def one(_: int) -> int:
        try:
            return sum(tries(limit, most=1) for _ in range(10))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(one, range(8))) == 10
    connection.close()


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
    ],
)
def test_an_ipv6_subscriber_is_one_key(address: str, key: str) -> None:
    assert throttle.build_network_key(address) == key


@pytest.mark.django_db
def test_both_are_spent_as_one_after_the_other() -> None:
    both = (RateLimit("wide", burst=5, every=timedelta(minutes=1)), "n"), (LIMIT, "x")
    with time_machine.travel(NOON, tick=False) as clock:
        for _time in range(3):
            throttle.consume_attempt_pair(*both)
        for wait in (60, 60):  # the second limit refuses, and an attempt of the first is used
            with pytest.raises(Throttled) as raised:
                throttle.consume_attempt_pair(*both)
            assert raised.value.wait == timedelta(seconds=wait)
        clock.shift(30)
        throttle.reset_attempts(LIMIT, "x")
        with pytest.raises(Throttled) as raised:  # now the first limit refuses, and no attempt of the second is used
            throttle.consume_attempt_pair(*both)
        assert raised.value.wait == timedelta(seconds=30)
        assert tries() == 3


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_many_who_spend_both_and_get_them_back_do_not_wait_for_each_other_for_ever() -> None:
    wide = RateLimit("many", burst=1_000, every=timedelta(hours=1))

    def one(_: int) -> None:
        try:
            for _time in range(25):
                throttle.consume_attempt_pair((wide, "n"), (wide, "x"))
                throttle.refund_attempts((wide, "x"), (wide, "n"))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(8)))
    assert tries(wide, "n", most=2_000) == 1_000


@pytest.mark.parametrize(
    ("wait", "dutch", "english"),
    [
        (timedelta(seconds=-501), "om 13:00", "at 13:00"),
        (timedelta(0), "om 13:00", "at 13:00"),
        (timedelta(seconds=1), "om 13:01", "at 13:01"),
        (timedelta(minutes=59, seconds=30), "om 14:00", "at 14:00"),
        (timedelta(hours=11), "morgen om 00:00", "tomorrow at 00:00"),
        (timedelta(hours=80), "op 4 maart om 21:00", "on 4 March at 21:00"),
    ],
)
def test_a_refusal_names_the_time_in_the_zone_of_the_office(wait: timedelta, dutch: str, english: str) -> None:
    with time_machine.travel(NOON, tick=False):
        for language, when in (("nl", dutch), ("en", english)):
            with translation.override(language):
                texts = [
                    str(Throttled(wait)),
                    str(MessageLimitReached(wait)),
                    str(MessageLimitReached(wait, "bob@devries.example")),
                    str(TooManyMessages(wait, "", 11, 10)),
                    str(TooManyMessages(wait, "bob@devries.example", 11, 10)),
                ]
            assert all(when in text for text in texts), texts
            assert not [text for text in texts if "-" in text or "second" in text]
        assert Throttled(wait).seconds >= 1
