"""The hash chain: complete, without gaps, and without blocking writers."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Thread
from threading import Event as Signal
from uuid import UUID

import pytest
from django.db import connection, transaction

import audit.actions
from accounts.models import Provider, User
from audit import chain, verify
from audit.models import ChainLink, Event, PendingEvent, Verb
from tests.helpers.users import actor

WRITERS, THREADS = 200, 20


def write(office: Provider | None, user: User) -> Event:
    return audit.actions.record(
        Verb.USER_CHANGED, user, by=actor(), provider_id=office.pk if office else None, changes={"prefix": ["", "de"]}
    )


def require_whole(provider_id: object) -> list[ChainLink]:
    """Return the chain links of an office after checking that none is missing and each hash is correct."""
    links = list(ChainLink.objects.filter(provider_id=provider_id).order_by("sequence"))
    assert [link.sequence for link in links] == list(range(1, len(links) + 1))
    previous = verify.ZERO_HASH
    for link in links:
        previous = verify.hash_event(
            chain.serialize_event(Event.objects.get(pk=link.event_id)), previous, link.sequence
        )
        assert link.hash == previous
    return links


@pytest.mark.django_db
def test_each_office_has_its_own(office: Provider, bob: User, charlie: User) -> None:
    for _number in range(3):
        write(office, bob)
        write(charlie.provider, charlie)
        write(None, bob)
    assert chain.append_all_pending() == 9
    for provider_id in (office.pk, charlie.provider_id, None):
        assert len(require_whole(provider_id)) == 3
    assert chain.append_all_pending() == 0


@pytest.mark.django_db
def test_chain_continues_from_its_stored_end(office: Provider, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "_BATCH_SIZE", 2)
    for _number in range(5):
        write(office, bob)
    assert chain.append_pending(office.pk) == 5
    write(office, bob)
    assert chain.append_pending(office.pk) == 1
    assert len(require_whole(office.pk)) == 6


@pytest.mark.django_db(transaction=True)
def test_what_is_committed_late_is_not_left_out(office: Provider, bob: User) -> None:
    written, go_on = Signal(), Signal()

    def write_slowly() -> None:
        with transaction.atomic():
            write(office, bob)
            written.set()
            go_on.wait(10)
        connection.close()

    slow = Thread(target=write_slowly)
    slow.start()
    assert written.wait(10)
    with transaction.atomic():
        later = write(office, bob)
    assert chain.append_pending(office.pk) == 1, "who writes is not waited for"
    go_on.set()
    slow.join()
    assert chain.append_pending(office.pk) == 1
    first, second = require_whole(office.pk)
    assert first.event_id == later.pk
    assert second.event_id < first.event_id


@pytest.mark.django_db(transaction=True)
def test_writers_do_not_wait_for_the_sequencer(office: Provider, bob: User) -> None:
    with transaction.atomic():
        write(office, bob)
    done = Signal()

    def write_now() -> None:
        with transaction.atomic():
            write(office, bob)
        done.set()
        connection.close()

    with transaction.atomic():
        chain.append_pending(office.pk)
        writer = Thread(target=write_now)
        writer.start()
        assert done.wait(5)
    writer.join()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_after_200_writers_at_once_none_is_missing(office: Provider, bob: User, charlie: User) -> None:
    offices = (office, charlie.provider, None)
    together, over = Barrier(THREADS), Signal()

    def write_some(numbers: Iterable[int]) -> list[UUID]:
        together.wait(30)
        found = []
        for number in numbers:
            with transaction.atomic():
                event = write(offices[number % 3], bob)
                if number % 10 == 9:
                    transaction.set_rollback(True)
                else:
                    found.append(event.pk)
        connection.close()
        return found

    def lengthen() -> None:
        while not over.is_set():
            chain.append_all_pending()
        connection.close()

    sequencers = [Thread(target=lengthen) for _number in range(2)]
    with ThreadPoolExecutor(THREADS) as pool:
        for sequencer in sequencers:
            sequencer.start()
        shares = [range(first, WRITERS, THREADS) for first in range(THREADS)]
        written = {pk for found in pool.map(write_some, shares) for pk in found}
    over.set()
    for sequencer in sequencers:
        sequencer.join()
    chain.append_all_pending()
    links = [link for one in offices for link in require_whole(one.pk if one else None)]
    assert {link.event_id for link in links} == written == set(Event.objects.values_list("pk", flat=True))
    assert len(links) == WRITERS * 9 // 10
    assert not PendingEvent.objects.exists()
