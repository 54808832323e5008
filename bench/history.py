"""Measure the audit log and print the figures as JSON.

Measured are the cost of an event in an action, the page of an office with few and with many events, and the
verification of an export of 1,000,000 events in its own process.
"""

import base64
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, cast
from uuid import UUID

import django
import psycopg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from psycopg.types.json import Jsonb

from bench.database import discard_log, stop_database_afterwards

VERIFIED_EVENTS = 1_000_000
_OFFICE_ID, _NONCE = "01900000-0000-7000-8000-000000000000", secrets.token_bytes(12)
FEW_EVENTS, MANY_EVENTS = 5_000, int(os.environ.get("BENCH_EVENTS", "5000000"))
USERS_PER_OFFICE = 200
# Filters that match many and no events; an office of 5,000 has a full page of each but the absent ones.
_PAGE_QUERIES = {
    "page": "/historie/",
    "lines": "/historie/?view=lines",
    "act": "/historie/handeling/import-0/",
    "verb": "/historie/?verb=user_changed",
    "absent_verb": "/historie/?verb=text_changed",
    "kind": "/historie/?kind=team",
    "absent_kind": "/historie/?kind=externaltenant",
    "origin": "/historie/?origin=scheduled",
    "absent_origin": "/historie/?origin=support",
    "absent_pair": "/historie/?verb=signed_in&origin=command",
    "since": "/historie/?since={today}",
    "until": "/historie/?until=2020-01-01",
    "person": "/historie/?person={name}",
    "persons": "/historie/?person=jansen",
    "absent_person": "/historie/?person=niemand",
    "persons_verb": "/historie/?person=jansen&verb=rights_changed",
    "persons_absent_verb": "/historie/?person=jansen&verb=text_changed",
    "user": "/gebruikers/{user}/historie/",
    "user_absent_verb": "/gebruikers/{user}/historie/?verb=text_changed",
}
# Verbs by how often they come.
_EVENTS_SQL = """
INSERT INTO audit_event (id, provider_id, at, actor_id, who, on_behalf_of_id, for_whom, origin, verb, target_kind,
    target_id, what, correlation_id)
SELECT uuidv7(-n * interval '1 second'), %(office)s, now() - n * interval '1 second', users[1 + n / 7 %% %(count)s],
    %(who)s, NULL, NULL, CASE WHEN n %% 100 = 1 THEN 'scheduled' WHEN verb = 'signed_in' THEN 'api' ELSE 'page' END,
    verb, split_part(verb, '_', 1), users[1 + abs(hashint4(n)) %% %(count)s], %(what)s,
    CASE WHEN n %% 5000 < 1000 THEN format('import-%%s', n / 5000) ELSE format('act-%%s', n / 3) END
FROM generate_series(1, %(size)s) n, (SELECT %(users)s::uuid[] AS users) office, LATERAL (
    SELECT (array['signed_in', 'user_changed', 'signed_in', 'team_changed', 'rights_changed', 'employer_changed',
        'signed_in', 'user_blocked', 'signed_in', 'exported'])[1 + n %% 10] AS verb
) kind
"""
# What the newest page needs at the least: the same objects, from the same rows by the index for them.
_BARE_SQL = "SELECT * FROM audit_event WHERE provider_id = %s ORDER BY at DESC, id DESC LIMIT 51"
_VERIFY_SCRIPT = """
import resource, sys, time
sys.path.insert(0, sys.argv[1])
import verify
started = time.process_time()
code = verify.main(sys.argv[2:])
print(code, time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def measure_verification(folder: Path) -> dict[str, float]:
    """Return the CPU seconds and MiB for verifying an export whose events are encrypted for 200 users."""
    from audit import checkpoints, verify

    names = [str(folder / name) for name in ("export.jsonl", "checkpoint.json", "public.pem")]
    raw = {str(UUID(int=number)): secrets.token_bytes(32) for number in range(1, 201)}
    lines = list(_iter_key_lines(raw))
    signed = _write_events(folder / "events", {person_id: AESGCM(key) for person_id, key in raw.items()})
    head = {"format": verify.EXPORT_FORMAT, "head": signed, "provider_id": _OFFICE_ID, "start": None}
    with open(names[0], "wb") as file, (folder / "events").open("rb") as events:
        file.write(verify.encode_canonical_json(head) + b"\n" + b"".join(lines))
        shutil.copyfileobj(events, file)
    Path(names[1]).write_bytes(verify.encode_canonical_json(signed))
    Path(names[2]).write_bytes(checkpoints.get_public_key_pem())
    command = [sys.executable, "-c", _VERIFY_SCRIPT, str(settings.BASE_DIR / "audit"), *names]
    said, numbers = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines()
    code, seconds, peak = numbers.split()
    if code != "0":
        raise SystemExit(said)
    return {"verify_seconds": float(seconds), "verify_mib": float(peak)}


def _iter_key_lines(raw: dict[str, bytes]) -> Iterator[bytes]:
    from audit import verify

    for key_id, key in sorted(raw.items()):
        yield (
            verify.encode_canonical_json({"id": key_id, "key": base64.b64encode(key).decode(), "person_id": key_id})
            + b"\n"
        )


def _write_events(path: Path, people: dict[str, AESGCM]) -> dict[str, Any]:
    """Write the lines of the events; return the signed checkpoint of the last one."""
    from audit import chain, checkpoints, verify

    ids, previous = sorted(people), verify.ZERO_HASH
    with path.open("wb") as file:
        for sequence in range(1, VERIFIED_EVENTS + 1):
            who, what = ids[sequence % 200], ids[sequence * 7 % 200]
            event = _build_event(str(UUID(int=10**9 + sequence)), who, what, people)
            digest = verify.hash_event(event, previous, sequence)
            line = {"event": event, "hash": digest, "previous": previous, "sequence": sequence}
            file.write(verify.encode_canonical_json(line) + b"\n")
            previous = digest
    return checkpoints.sign_head(UUID(_OFFICE_ID), chain.ChainHead(VERIFIED_EVENTS, previous))


def _build_event(event_id: str, who: str, what: str, people: dict[str, AESGCM]) -> dict[str, Any]:
    from audit import verify

    parts: dict[str, tuple[str, dict[str, Any]]] = {
        "who": (who, {"address": "192.0.2.7", "name": "A. de Vries"}),
        "what": (what, {"changes": {"prefix": ["", "de"]}, "name": "B. Bakker", "reason": ""}),
    }
    sealed = {
        name: {
            "key": one,
            "person_id": one,
            "sealed": verify.encrypt_part(part, people[one], _NONCE, event_id=event_id, name=name),
        }
        for name, (one, part) in parts.items()
    }
    return sealed | {
        "actor_id": who, "at": "2026-11-24T12:00:00.123456+00:00", "correlation_id": event_id, "for_whom": None,
        "id": event_id, "on_behalf_of_id": None, "origin": "page", "provider_id": _OFFICE_ID, "target_id": what,
        "target_kind": "user", "verb": "user_changed",
    }  # fmt: skip


def measure_event_cost(times: int = 400) -> dict[str, float]:
    """Return the medians in milliseconds of editing a user with and without the event, measured alternately."""
    import users.actions
    from accounts.user_details import UserDetails
    from tests.helpers.users import actor, make_user

    administrator, module = _create_administrator(), cast(Any, users.actions)
    record = module.record
    user, by = make_user(administrator.provider, username=f"user{secrets.token_hex(3)}"), actor(administrator)
    taken: dict[bool, list[float]] = {True: [], False: []}
    for number in range(times):
        for recorded in (True, False):
            module.record = record if recorded else (lambda *args, **kwargs: None)
            user.refresh_from_db()
            details: UserDetails = {"place_of_employment": f"{number} {recorded}"}
            started = time.perf_counter()
            users.actions.edit_user(user, details=details, email=user.email, version=user.version, by=by)
            taken[recorded].append((time.perf_counter() - started) * 1000)
    module.record = record
    with_it, without = median(taken[True][50:]), median(taken[False][50:])
    return {"edit_ms": with_it, "edit_without_event_ms": without, "event_share": with_it / without - 1}


def _create_administrator() -> Any:
    import users.actions
    from audit.actors import build_operator
    from permissions.catalog import Right
    from tests.helpers.users import make_user

    # A required second factor would stop the administrator before the page.
    office = users.actions.create_provider("Klein", two_factor_managers=False, by=build_operator("bench"))
    return make_user(office, Right.MANAGE_PROVIDER, username=f"user{secrets.token_hex(3)}")


def measure_pages() -> dict[str, float]:
    """Return the medians in milliseconds of pages by filter, for an office with few events and one with many.

    Besides, of the search for the newest page without the page around it, and of the bare query for the same rows.
    """
    from history.event_search import EventSearch

    offices = {"few": create_office_with_events(FEW_EVENTS), "many": create_office_with_events(MANY_EVENTS)}
    calls: dict[str, Callable[[], object]] = {}
    for name, (administrator, user) in offices.items():
        client = Client(headers={"Host": "localhost"})
        client.force_login(administrator)
        words = {"today": timezone.localdate().isoformat(), "name": user.username, "user": user.pk}
        for what, address in _PAGE_QUERIES.items():
            calls[f"{what}_{name}_ms"] = partial(_fetch_page, client, address.format(**words))
        calls[f"search_{name}_ms"] = partial(EventSearch(administrator.provider_id).fetch, None, True, 51)
        calls[f"bare_{name}_ms"] = partial(_run_bare_query, administrator)
    rounds = [{what: _measure_ms(call) for what, call in calls.items()} for _number in range(30)]
    return {what: median(times[what] for times in rounds) for what in calls}


def compute_growth(found: dict[str, float]) -> dict[str, float]:
    """Return how many times a page of the office with many events takes that of the one with few, by filter."""
    return {what: found[f"{what}_many_ms"] / found[f"{what}_few_ms"] for what in _PAGE_QUERIES}


def _run_bare_query(administrator: Any) -> None:
    from audit.models import Event

    list(Event.objects.raw(_BARE_SQL, [administrator.provider_id]))


def _fetch_page(client: Client, url: str) -> None:
    if client.get(url).status_code != 200:
        raise SystemExit("the history was not shown")


def _measure_ms(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def create_office_with_events(size: int) -> tuple[Any, Any]:
    """Return an administrator and a user of a new office with `size` events, which are about all of its users."""
    from tests.helpers.users import make_user

    administrator, users = _create_administrator(), []
    for number in range(USERS_PER_OFFICE):
        last_name, username = "Jansen" if number % 10 == 0 else "Bakker", f"user{secrets.token_hex(6)}"
        email = f"{username}@loket.example"
        users.append(make_user(administrator.provider, username=username, last_name=last_name, email=email))
    values = {"office": administrator.provider_id, "users": [user.pk for user in users], "count": len(users)}
    values |= {"size": size, "who": Jsonb({"name": "A. Bakker"}), "what": Jsonb({"name": "B. Bakker", "changes": {}})}
    where = {"host": settings.DATABASES["default"]["HOST"], "port": settings.DATABASES["default"]["PORT"]}
    with psycopg.connect(**where, user="postgres", dbname="loket", autocommit=True) as database:
        database.execute("SET session_replication_role = replica")
        database.execute(_EVENTS_SQL, values)
        database.execute("VACUUM ANALYZE audit_event")
    return administrator, users[7]


def main() -> None:
    """Run the benchmark, then stop the database."""
    django.setup()

    discard_log()
    with stop_database_afterwards():
        call_command("migrate", verbosity=0)
        found = measure_event_cost() | measure_pages() | measure_verification(Path(settings.LOKET_DATA_DIR))
        print(json.dumps(found))


if __name__ == "__main__":
    main()
