"""Add to the 1,000,000 users of `bench.permission_data` what they leave behind: mails, keys, history and sessions."""

import secrets
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings

from bench.permission_data import OFFICE_COUNT, USER_COUNT, build_id_sql
from core import encryption

EVENT_USER_COUNT, EVENTS_PER_USER = USER_COUNT // 2, 2  # the first users, of whom each office has half of its own
EXPIRED_COUNT = 100_000
LARGE_OFFICE_EVENTS = 40_000
SEALED_BYTES = {"who": 72, "created": 620, "signed_in": 60}  # the product has 75, 330 or more, and 80
_STEP = 100_000  # users in a statement
# Events of the first 2,000 users of the large office: what is plain is read like what is encrypted.
_LARGE_OFFICE_SQL = f"""
INSERT INTO audit_event (id, provider_id, at, actor_id, who, origin, verb, target_kind, target_id, what, correlation_id)
SELECT uuidv7(-n * interval '1 minute'), u.provider_id, now() - n * interval '1 minute', u.id, '{{"name": "A. Groot"}}',
    'page', (ARRAY['signed_in', 'user_changed', 'team_changed', 'rights_changed'])[1 + n %% 4], 'user', u.id,
    '{{"name": "B. Groot", "changes": {{}}}}', gen_random_uuid()::text
FROM (SELECT id, provider_id, row_number() OVER (ORDER BY id) FROM accounts_user WHERE provider_id = %s LIMIT 2000) u,
    LATERAL (SELECT row_number + 2000 * i AS n FROM generate_series(0, {LARGE_OFFICE_EVENTS // 2000 - 1}) i) moment
"""


def fill_traces(large_office: UUID) -> None:
    """Fill the tables as superuser, without triggers; the events then wait for their place in the chain."""
    where = settings.DATABASES["default"]
    with psycopg.connect(
        host=where["HOST"], port=where["PORT"], user="postgres", dbname="loket", autocommit=True
    ) as database:
        database.execute("SET session_replication_role = replica")
        _copy_keys(database)
        for start in range(0, USER_COUNT, _STEP):
            for statement in _build_statements(f"generate_series({start}, {start + _STEP - 1}) n"):
                database.execute(statement)
        database.execute(_LARGE_OFFICE_SQL, [large_office])
        database.execute(
            "INSERT INTO audit_pendingevent (event_id, provider_id) SELECT id, provider_id FROM audit_event"
        )
        database.execute(
            f"""INSERT INTO core_throttle (key, full_at) SELECT md5(n::text) || md5(n::text), now() - interval '1 day'
            FROM generate_series(1, {EXPIRED_COUNT}) n"""
        )
        database.execute("VACUUM ANALYZE")


def _copy_keys(database: psycopg.Connection[Any]) -> None:
    """Give each user a key for the history, whose id is that of the user."""
    with database.cursor() as cursor:
        columns = "audit_userencryptionkey (id, user_id, encrypted_key)"
        with cursor.copy(f"COPY {columns} FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["uuid", "uuid", "bytea"])
            for row in _iter_keys():
                copy.write_row(row)


def _iter_keys() -> Iterator[tuple[UUID, UUID, bytes]]:
    for number in range(USER_COUNT):
        user_id = UUID(f"00000002-0000-7000-8000-{number:012x}")
        yield user_id, user_id, encryption.encrypt(secrets.token_bytes(32), context=f"person:{user_id}")


def _build_sealed_sql(size: str, seed: str) -> str:
    """Return SQL for `size` bytes that look encrypted, as base64."""
    digests = f"SELECT string_agg(md5({seed} || k), '') FROM generate_series(0, {size} / 16) k"
    return f"replace(encode(substr(decode(({digests}), 'hex'), 1, {size}), 'base64'), E'\\n', '')"


def _build_statements(numbers: str) -> list[str]:
    user, office = build_id_sql("user", "n"), build_id_sql("office", f"n % {OFFICE_COUNT}")
    part = f"'key', {user}, 'person_id', {user}, 'sealed'"
    size = f"CASE i WHEN 1 THEN {SEALED_BYTES['created']} ELSE {SEALED_BYTES['signed_in']} END"
    ago = f"({USER_COUNT} - n) * interval '20 seconds' + i * interval '1 second'"
    return [
        f"""INSERT INTO audit_event (id, provider_id, at, actor_id, who, origin, verb, target_kind, target_id, what,
            correlation_id) SELECT uuidv7(-({ago})), {office}, now() - {ago}, {user},
            jsonb_build_object({part}, {_build_sealed_sql(str(SEALED_BYTES["who"]), "'w' || n || i")}), 'page',
            (ARRAY['user_created', 'signed_in'])[i], 'user', {user},
            jsonb_build_object({part}, {_build_sealed_sql(size, "n || '.' || i")}), gen_random_uuid()::text
            FROM {numbers}, generate_series(1, {EVENTS_PER_USER}) i WHERE n < {EVENT_USER_COUNT}""",
        f"""INSERT INTO outbox_message (id, provider_id, user_id, channel, kind, recipient, state, attempts, due,
            created_at, sent_at, esp_id, error) SELECT {user}, {office}, {user}, 'mail', 'invitation',
            'u' || n || '@example.nl', 'sent', 1, now(), now(), now(), '', '' FROM {numbers}""",
        f"""INSERT INTO invitations_invitation (id, provider_id, user_id, state, token_hash, email, subject, body,
            message_id, sent_at, expires_at) SELECT {user}, {office}, {user}, 'accepted',
            md5('a' || n) || md5('b' || n), 'u' || n || '@example.nl', '', '', {user}, now(), now() FROM {numbers}""",
        f"""INSERT INTO django_session (session_key, session_data, expire_date)
            SELECT left(md5('s' || n) || md5('t' || n), 40), {_build_sealed_sql("240", "'s' || n")},
            now() - interval '1 day' FROM {numbers} WHERE n % {USER_COUNT // EXPIRED_COUNT} = 0""",
    ]
