"""Checks of the database: server, roles, keys, clock, queues. They run one after another in one connection."""

import time
from collections.abc import Iterator
from datetime import datetime

from django.db import connection
from django.db.models import Min
from django.utils import timezone

from audit import checkpoints
from audit.models import Checkpoint
from core import db_roles, encryption
from imports.models import ImportJob
from imports.scheduling import LONG_JOB_SECONDS
from monitoring import health, key_rotation
from monitoring.diagnosis.findings import DATABASE_SECONDS, Finding, Level, describe_clock
from oauth.models import SigningKey

MIN_VERSION = 150000  # of the server, as `server_version_num` states it: PostgreSQL 15
_BUSY_SHARE = 0.8  # of max_connections
_ADVICE = {
    "does not answer": "Start PostgreSQL; check DATABASE_URL, and whether its host lets this machine in.",
    "read only": "This is a replica, or was made read-only: let DATABASE_URL name the primary.",
    health.UNKNOWN: "The database took too long: see its log and its load, and try again.",
    "migrations": "Run loket migrate, with LOKET_OWNER_DATABASE_URL set.",
    "worker": "Start a worker: loket worker, as a service (docs/operating.md).",
    "outbox": "See worker, mail and sms; if these are in order, start another worker.",
    "jobs": "See the failing items below, and the lines `job failed` of the worker's log.",
}
_WRONG_SETTINGS_SQL = """
SELECT name, setting FROM pg_settings WHERE (name, setting) IN (
    ('fsync', 'off'), ('full_page_writes', 'off'), ('synchronous_commit', 'off'), ('log_error_verbosity', 'default'),
    ('log_error_verbosity', 'verbose')
) OR name = 'log_min_error_statement' AND setting <> 'panic' OR name = 'server_encoding' AND setting <> 'UTF8'
ORDER BY name
"""
_LOSES_CHANGES = ("fsync", "full_page_writes", "synchronous_commit", "server_encoding")
_TABLES_SQL = """
SELECT relname, pg_has_role(relowner, 'MEMBER') OR pg_has_role(nspowner, 'MEMBER'), ARRAY(
    SELECT privilege
    FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS privilege
    WHERE has_table_privilege(pg_class.oid, privilege)
    UNION ALL SELECT privilege || ' of a column'
    FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) AS privilege
    WHERE has_any_column_privilege(pg_class.oid, privilege) AND NOT has_table_privilege(pg_class.oid, privilege))
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = 'public' AND relkind IN ('r', 'p') ORDER BY relname
"""


def report_components() -> Iterator[Finding]:
    """Report what `/readyz` reports."""
    for name, state in health.check_components(seconds_each=DATABASE_SECONDS).items():
        if state == health.STATUS_OK:
            yield Finding(name, Level.OK)
        else:
            yield Finding(name, Level.PROBLEM, state, _ADVICE.get(state) or _ADVICE[name])


def check_server() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_version_num')::int, current_setting('server_version'), current_user,"
            " pg_size_pretty(pg_database_size(current_database())), current_setting('max_connections')::int,"
            " (SELECT count(*) FROM pg_stat_activity)"
        )
        number, version, role, size, room, used = cursor.fetchone()
        cursor.execute(_WRONG_SETTINGS_SQL)
        wrong = cursor.fetchall()
    text = f"PostgreSQL {version.split()[0]}, role {role}, {size}, {used} of {room} connections"
    if number < MIN_VERSION:
        yield Finding("server", Level.PROBLEM, text, "Loket needs PostgreSQL 15 or newer: upgrade the server.")
    elif used > room * _BUSY_SHARE:
        yield Finding("server", Level.WARNING, text, "Raise max_connections (docs/operating.md, Sizing).")
    else:
        yield Finding("server", Level.OK, text)
    for name, value in wrong:
        if name in _LOSES_CHANGES:
            advice = "Changes can be lost or damaged: set it right (docs/operating.md) and restart."
            yield Finding("server", Level.PROBLEM, f"{name} is {value}", advice)
        else:
            advice = "The log of PostgreSQL quotes values: ALTER SYSTEM as docs/operating.md, Install, says."
            yield Finding("server", Level.WARNING, f"{name} is {value}", advice)


def check_roles() -> Iterator[Finding]:
    """Check that the application can do what it must, and cannot change the history."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        is_superuser = cursor.fetchone() == (True,)
        cursor.execute(_TABLES_SQL)
        tables = {name: (owned, set(privileges)) for name, owned, privileges in cursor.fetchall()}
    wanted = {name: set(db_roles.get_application_privileges(name).split(", ")) for name in tables}
    missing = [name for name, (_owned, held) in tables.items() if wanted[name] - held]
    excess = [name for name, (_owned, held) in tables.items() if held - wanted[name]]
    if is_superuser or any(owned for owned, _held in tables.values()):
        text = "the application logs in as a superuser or as the owner of the tables"
        advice = "It could change the history: let DATABASE_URL name the other role (docs/operating.md)."
        yield Finding("roles", Level.PROBLEM, text, advice)
    elif missing or excess:
        text = f"privileges are wrong on {', '.join([*missing, *excess][:5])}"
        yield Finding("roles", Level.PROBLEM, text, "Run loket migrate, which grants and revokes them.")
    elif not tables:
        yield Finding("roles", Level.PROBLEM, "there are no tables", "Run loket migrate.")
    else:
        yield Finding("roles", Level.OK, "the application cannot change the history")


def check_keys() -> Iterator[Finding]:
    """Decrypt a sample of what is stored; `rotate_encryption_key --check` decrypts everything."""
    known = encryption.list_key_fingerprints()
    counts = key_rotation.sample_fingerprints()
    unknown = sorted({key for key, _readable in counts} - set(known))
    damaged = sum(count for (key, readable), count in counts.items() if not readable and key in known)
    older = sum(count for (key, _readable), count in counts.items() if key in known[1:])
    if unknown:
        text = f"values are encrypted with a key that is not here: {', '.join(unknown)}"
        advice = f"Add that key to LOKET_SEALING_KEYS, which has {', '.join(known)}."
        yield Finding("keys", Level.PROBLEM, text, advice)
    if damaged:
        text = f"{damaged} of {counts.total()} sampled values cannot be decrypted"
        yield Finding("keys", Level.PROBLEM, text, "List them: loket rotate_encryption_key --check.")
    if len(known) > 1:
        text = f"{len(known)} encryption keys; {older} of {counts.total()} sampled values are under an older one"
        advice = "Run loket rotate_encryption_key, then remove the older keys."
        yield Finding("keys", Level.WARNING, text, advice)
    if not unknown and not damaged:
        ages = _describe_signing_key_age() + _describe_checkpoint_key_age()
        yield Finding("keys", Level.OK, f"{counts.total()} sampled values decrypt with {known[0]}{ages}")
    newest = Checkpoint.objects.order_by("-pk").first()
    if newest is not None and not checkpoints.has_present_key(newest):
        text = "the last checkpoint of the history was signed with another key"
        advice = "After a change of LOKET_CHECKPOINT_KEY, keep the older public key for auditors; else put it back."
        yield Finding("keys", Level.WARNING, text, advice)


def _describe_signing_key_age() -> str:
    newest = SigningKey.objects.order_by("-created_at").values_list("created_at", flat=True).first()
    return f"; keys for ID tokens are {(timezone.now() - newest).days} days old" if newest else ""


def _describe_checkpoint_key_age() -> str:
    """Return for how long it certainly exists: it signed the first checkpoint that is stored."""
    oldest = Checkpoint.objects.order_by("pk").first()
    if oldest is None or not checkpoints.has_present_key(oldest):
        return ""
    days = (timezone.now() - datetime.fromisoformat(oldest.signed["at"])).days
    return f"; the checkpoint key is {days} days old or older"


def check_clock() -> Iterator[Finding]:
    """Compare with the clock of the database, halfway the question."""
    connection.ensure_connection()
    begin = time.time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        (remote,) = cursor.fetchone()
    yield describe_clock("clock", (begin + time.time()) / 2 - remote, "that of the database")


def check_imports() -> Iterator[Finding]:
    queued = ImportJob.objects.filter(state__in=ImportJob.QUEUED_STATES)
    oldest: datetime | None = queued.aggregate(first=Min("asked_at"))["first"]
    seconds = int((timezone.now() - oldest).total_seconds()) if oldest else 0
    if seconds > LONG_JOB_SECONDS:
        text = f"a file has waited for {seconds} seconds"
        yield Finding("imports", Level.WARNING, text, "See worker, and the lines about imports in its log.")
    else:
        yield Finding("imports", Level.OK, f"the oldest has waited for {seconds} seconds" if oldest else "")


CHECKS = {
    "server": check_server, "roles": check_roles, "keys": check_keys, "clock": check_clock, "imports": check_imports,
}  # fmt: skip
