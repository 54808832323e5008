"""Invalid settings abort startup; the message names the variable and contains no secret."""

import json
import os
import re
import secrets
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.helpers.demo_process import ROOT
from tests.loket.test_docs import OPERATING, TABLE

KEY, OTHER = "A" * 43 + "=", "_-" * 21 + "A="
PRODUCTION = {
    "DATABASE_URL": "postgres://loket_app:p@db.example/loket",
    "LOKET_OWNER_DATABASE_URL": "postgres://loket:p@db.example/loket",
    "LOKET_REPLICA_DATABASE_URL": "postgres://loket_app:p@replica.example/loket",
    "LOKET_TRANSACTION_POOLING": "0",
    "LOKET_SECRET_KEY": "s" * 50,
    "LOKET_SEALING_KEYS": f"{KEY},{OTHER}",
    "LOKET_CHECKPOINT_KEY": KEY,
    "LOKET_URL": "https://loket.example",
    "LOKET_TRUSTED_PROXIES": "127.0.0.1,10.0.0.0/8",
    "LOKET_METRICS_TOKEN": "",
    "EMAIL_URL": "submission://user:password@mail.example",
    "LOKET_EMAIL_BACKEND": "anymail.backends.postmark.EmailBackend",
    "ANYMAIL_POSTMARK_SERVER_TOKEN": "token",
    "LOKET_BOUNCE_DOMAIN": "bounces.loket.example",
    "LOKET_DNS_SERVERS": "127.0.0.1,::1#5353",
    "LOKET_FROM_EMAIL": "Loket <loket@loket.example>",
    "SMS_URL": "json://sms.example?:to={to}",
    "LOKET_SMS_PER_HOUR": "200",
    "LOKET_BULK_INVITATIONS_PER_HOUR": "200",
    "LOKET_MESSAGES_TO_ONE_PER_HOUR": "200",
    "LOKET_MESSAGES_TO_ONE_PER_DAY": "200",
    "LOKET_MESSAGES_BY_ONE_PER_HOUR": "200",
    "LOKET_MESSAGES_PER_HOUR": "200",
    "LOKET_SESSION_IDLE_MINUTES": "60",
    "LOKET_SMS_TIMEOUT": "20",
    "LOKET_SESSION_LIFETIME_MINUTES": "480",
    "LOKET_SSO_SESSION_MINUTES": "30",
    "LOKET_ENTRA_CLIENT_ID": "6731de76-14a6-49ae-97bc-6eba6914391e",
    "LOKET_ENTRA_CLIENT_SECRET": "secret",
    "LOKET_ENTRA_AUTHORITY": "https://login.microsoftonline.us/organizations",
}
WRONG = {
    "DATABASE_URL": [
        "nonsense", "mysql://u:gEhEiM@h/d", "postgres://u:gEhEiM@h", "postgres://u:gEhEiM@h:port/d", "sqlite:///gEhEiM",
    ],
    "LOKET_OWNER_DATABASE_URL": ["nonsense", "mysql://u:gEhEiM@h/d", "postgres://loket:gEhEiM@elsewhere.example/loket"],
    "LOKET_REPLICA_DATABASE_URL": [
        "nonsense", "mysql://u:gEhEiM@h/d", "postgres://u:gEhEiM@db.example/loket", "postgres://u:gEhEiM@h/other",
    ],
    "LOKET_TRANSACTION_POOLING": ["transaction", ""],
    "LOKET_SECRET_KEY": [None, "", "gEhEiM"],
    "LOKET_SEALING_KEYS": [None, "", "gEhEiM", f"{KEY},", f"{KEY},gEhEiM", KEY.replace("A", "é")],
    "LOKET_CHECKPOINT_KEY": [None, "", "gEhEiM", KEY * 2],
    "LOKET_URL": ["", "loket.example", "ftp://loket.example", "https://", "https://loket.example/loket", "http://h:port"],
    "LOKET_DATA_DIR": ["/dev/null", "/dev/null/below"],
    "LOKET_TRUSTED_PROXIES": ["proxy.example", "127.0.0.1,10.0.0.0/99"],
    "LOKET_METRICS_TOKEN": ["gEhEiM", "gEhEiM" * 5 + " gEhEiM", "gEhEiM" * 5 + "é\n"],
    "EMAIL_URL": ["", "mail.example", "smtp://", "smtp+tls://gEhEiM@mail.example", "smtp://mail.example:port"],
    "LOKET_EMAIL_BACKEND": ["", "anymail.backends.postmark.Backend", "nothing.of.that.Name", "nonsense"],
    "ANYMAIL_…": [None],
    "LOKET_BOUNCE_DOMAIN": ["gEhEiM@loket.example", "bounces", "bounces .example", "bürö.example"],
    "LOKET_DNS_SERVERS": ["dns.example", "127.0.0.1#0", "127.0.0.1#x", "127.0.0.1:53"],
    "LOKET_FROM_EMAIL": ["", "Loket", "loket@", "Loket <>"],
    "SMS_URL": ["", "sms.example", "json://sms.example"],
    "LOKET_SMS_PER_HOUR": ["", "many", "-1", "1.5"],
    "LOKET_BULK_INVITATIONS_PER_HOUR": ["", "many", "0", "1.5"],
    "LOKET_MESSAGES_TO_ONE_PER_HOUR": ["", "many", "-1", "1.5"],
    "LOKET_MESSAGES_TO_ONE_PER_DAY": ["", "many", "-1", "1.5"],
    "LOKET_MESSAGES_BY_ONE_PER_HOUR": ["", "many", "-1", "1.5"],
    "LOKET_MESSAGES_PER_HOUR": ["", "many", "-1", "1.5"],
    "LOKET_SMS_TIMEOUT": ["", "long", "14", "61"],
    "LOKET_SESSION_IDLE_MINUTES": ["", "long", "4", "1441", "120.5"],
    "LOKET_SESSION_LIFETIME_MINUTES": ["", "0", "1441"],
    "LOKET_SSO_SESSION_MINUTES": ["-60", "1441"],
    "LOKET_ENTRA_CLIENT_ID": [None, ""],
    "LOKET_ENTRA_CLIENT_SECRET": [None, ""],
    "LOKET_ENTRA_AUTHORITY": ["", "http://login.example/organizations", "https://login.example", "nonsense"],
    "LOKET_DEMO": ["perhaps", ""],
}  # fmt: skip
FROM_FILES = ("DATABASE_URL", "LOKET_SECRET_KEY", "LOKET_SEALING_KEYS", "LOKET_CHECKPOINT_KEY")
ELSEWHERE = {"OTEL_…", "PORT", "WEB_CONCURRENCY"}  # tests/core/test_tracing.py, tests/loket/test_serve.py
CASES = [(name, value) for name, values in WRONG.items() for value in values]
START = "import loket.wsgi"  # as granian does


def start(environment: dict[str, str], folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    ours = ("DATABASE_URL", "EMAIL_URL", "SMS_URL", "LOKET_", "ANYMAIL_", "DJANGO_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return subprocess.run(
        [sys.executable, *(command or ("-c", START))],
        cwd=ROOT, env=kept | {"LOKET_DATA_DIR": str(folder)} | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_every_variable_of_the_table_is_tried() -> None:
    named = set(re.findall(r"^\| `([A-Z_…]+)` \|", TABLE, re.M))
    assert len(named) > 15
    assert named - ELSEWHERE == set(WRONG)


@pytest.mark.slow
def test_the_example_of_the_page_is_right_and_its_folder_is_made_before(tmp_path: Path) -> None:
    (block,) = re.findall(r"one `NAME=value` a line:\n\n((?:    .+\n)+)", OPERATING)
    example = dict(line.strip().split("=", 1) for line in block.splitlines())
    folder = example.pop("LOKET_DATA_DIR")
    assert f"# install -d -o loket -g loket -m 750 {folder}\n" in OPERATING
    units = ROOT / "deploy" / "systemd"
    hardening = (units / "loket-.service.d" / "hardening.conf").read_text()
    assert f"StateDirectory={folder.removeprefix('/var/lib/')}\n" in hardening, "units may write there"
    assert f"rm -rf {folder}/metrics\n" in (units / "loket-web.service").read_text()
    assert set(example) <= set(PRODUCTION)
    filled = {name: PRODUCTION[name] if "…" in text else text for name, text in example.items()}
    filled["LOKET_SECRET_KEY"] = secrets.token_urlsafe(48)
    done = start(filled, tmp_path, "manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_right_ones_start(tmp_path: Path) -> None:
    done = start(PRODUCTION, tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_invalid_setting_is_refused_by_name(tmp_path: Path) -> None:
    def tried(case: tuple[str, str | None]) -> str | None:
        name, value = case
        variable = name.replace("…", "POSTMARK_SERVER_TOKEN")
        environment = {one: text for one, text in PRODUCTION.items() if one != variable}
        done = start(environment | ({} if value is None else {variable: value}), tmp_path)
        said = done.stderr.splitlines()[-1] if done.stderr else "nothing"
        good = done.returncode == 1 and variable.removeprefix("ANYMAIL_") in said and "gEhEiM" not in done.stderr
        return None if good else f"{name}={value!r}: {done.returncode} {said}"

    with ThreadPoolExecutor(2) as pool:
        assert [fault for fault in pool.map(tried, CASES) if fault is not None] == []


@pytest.mark.slow
def test_without_a_folder_to_count_in_it_starts_without_counting(tmp_path: Path) -> None:
    (tmp_path / "metrics").write_text("")
    done = start(PRODUCTION | {"LOKET_METRICS_TOKEN": "t" * 32}, tmp_path, "-c", "import loket.wsgi")
    assert done.returncode == 0
    assert next(json.loads(line)["event"] for line in done.stderr.splitlines()) == "requests not counted"


@pytest.mark.slow
def test_the_worker_refuses_an_unknown_gateway(tmp_path: Path) -> None:
    done = start(PRODUCTION | {"SMS_URL": "nonsense://x?to={to}"}, tmp_path, "manage.py", "worker")
    assert (done.returncode, done.stderr) == (
        1,
        "CommandError: SMS_URL is invalid. Use an address that Apprise supports.\n",
    )


@pytest.mark.slow
def test_a_setting_can_be_in_a_file(tmp_path: Path) -> None:
    """Secrets of containers are files; the name of such a variable ends in _FILE."""
    given = {name: text for name, text in PRODUCTION.items() if name not in FROM_FILES}
    for name in FROM_FILES:
        (tmp_path / name).write_text(PRODUCTION[name] + "\n")
    files = {f"{name}_FILE": str(tmp_path / name) for name in FROM_FILES}
    show = "from loket.settings import *; print(DATABASES['default']['HOST'], 'demo' in INSTALLED_APPS, SECRET_KEY)"
    done = start(given | files, tmp_path, "-c", show)
    assert (done.stdout, done.stderr) == (f"db.example False {PRODUCTION['LOKET_SECRET_KEY']}\n", "")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for path in ("none", "binary", "binary/below"):
        done = start(given | files | {"LOKET_SECRET_KEY_FILE": str(tmp_path / path)}, tmp_path)
        assert done.returncode == 1
        assert "LOKET_SECRET_KEY_FILE" in done.stderr.splitlines()[-1]
