"""Fixtures for every test: two offices, three users, and cheap password hashes."""

import gc
import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
import pytest_django
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils import timezone, translation
from whitenoise.middleware import WhiteNoiseMiddleware

from accounts.models import Provider, User
from accounts.passwords import Argon2id
from core import db_roles
from permissions.checks import Right
from tests.helpers import mfa as factors
from tests.helpers.cleanup import quick_cleanup
from tests.helpers.demo_process import KEPT, ROOT
from tests.helpers.kept_keys import kept_keys
from tests.helpers.logout_receiver import receiver as receiver
from tests.helpers.servers import mail_server as mail_server
from tests.helpers.servers import sms_gateway as sms_gateway
from tests.helpers.template_database import use_template
from tests.helpers.users import make_support, make_user, signed_in


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run browser tests first: they take longest, and at the end one process would wait for another."""
    items.sort(key=lambda item: not item.get_closest_marker("browser"))


def pytest_collection_finish() -> None:
    """Freeze the objects that live until the end (modules, models, tests) for the garbage collector."""
    gc.collect()
    gc.freeze()


DEPLOY_TOOLS = ROOT / ".venv-deploy" / "bin"
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:{DEPLOY_TOOLS}"
# Programs of Debian and requirements-deploy.txt, by the mark of the tests that need them.
PROGRAMS = {
    "browser": ["chromium"],
    "nginx": ["nginx"],
    "node": ["node", "java"],
    "apache": ["apache2"],
    "postfix": ["postfix"],
    "promtool": ["promtool"],
    "caddy": ["caddy"],
    "systemd": ["systemd-analyze"],
    "kubernetes": ["kubectl", "kubernetes-validate"],
    "hadolint": ["hadolint"],
    "pgbouncer": ["pgbouncer"],
}
FILES = {
    "node": Path(__file__).parent.parent / "node_modules" / ".stamp",
    "apache": Path("/usr/lib/apache2/modules/mod_auth_openidc.so"),
}


def _absent(mark: str) -> str:
    """Return which programs and files are missing, "" if none."""
    absent = [program for program in PROGRAMS[mark] if not shutil.which(program, path=_PATH)]
    if mark in FILES and not FILES[mark].exists():
        absent.append(str(FILES[mark]))
    return ", ".join(absent)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests whose program is missing, unless its LOKET_…_REQUIRED=1."""
    for mark in PROGRAMS:
        if item.get_closest_marker(mark) and (absent := _absent(mark)):
            required = f"LOKET_{mark.upper()}_REQUIRED"
            if os.environ.get(required) == "1":
                pytest.fail(f"not installed: {absent}, and {required}=1")
            pytest.skip(f"not installed: {absent}")


# Of a test without the mark `slow`: of CPU time, and by the clock, where a busy machine makes every test wait.
LONGEST_CPU_SECONDS, LONGEST_SECONDS = 5.0, 60.0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail tests that take too long. Processes that a test started and awaited count as well."""
    before = os.times()  # which no test moves
    result = yield
    after = os.times()
    cpu, clock = sum(after[:4]) - sum(before[:4]), after.elapsed - before.elapsed
    if (cpu > LONGEST_CPU_SECONDS or clock > LONGEST_SECONDS) and not item.get_closest_marker("slow"):
        pytest.fail(f"took {cpu:.1f} s of CPU time and {clock:.1f} s by the clock: make it quicker, or mark it slow")
    return result


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report prominently that tests were skipped."""
    for mark in PROGRAMS:
        if absent := _absent(mark):
            text = f"{absent} is not installed: no test that needs {mark} was run"
            terminalreporter.section(text.upper(), red=True, bold=True)


# Tests make many objects and keep few: collecting garbage less often saves a twelfth of their time.
gc.set_threshold(100_000, 20, 50)

APPEND_ONLY = ("audit_event", "audit_chainlink", "audit_checkpoint")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None,
    django_db_blocker: pytest_django.DjangoDbBlocker,
    django_db_keepdb: bool,
    django_db_createdb: bool,
) -> None:
    """Create the test database as the owner of its tables, from a template unless it is reused."""
    connection.settings_dict["OPTIONS"]["pool"]["max_size"] = 24  # for two workers, of which each widens its own
    db_roles.switch_role(db_roles.get_owner_role())
    if django_db_createdb or not django_db_keepdb:
        with django_db_blocker.unblock():
            use_template()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker) -> Iterator[None]:
    """Run the tests in the application's role, which may truncate tables for Django's cleanup."""
    with django_db_blocker.unblock():
        role = db_roles.get_application_role()["USER"]
        db_roles.execute_statements([f"GRANT TRUNCATE ON ALL TABLES IN SCHEMA public TO {role}"])
        db_roles.execute_statements(f"ALTER TABLE {table} DISABLE TRIGGER {table}_not_emptied" for table in APPEND_ONLY)
        db_roles.switch_role(db_roles.get_application_role())
    yield
    with django_db_blocker.unblock():
        db_roles.switch_role(db_roles.get_owner_role())


@pytest.fixture(autouse=True, scope="session")
def _cheap_hashes() -> None:
    Argon2id.time_cost, Argon2id.memory_cost = 1, 8


@pytest.fixture(autouse=True, scope="session")
def _quick_cleanup() -> Iterator[None]:
    with quick_cleanup():
        yield


@pytest.fixture(autouse=True, scope="session")
def _static_files_found_once() -> Iterator[None]:
    """Find static files only once: each test client is an application with its own middleware."""
    find = WhiteNoiseMiddleware.add_files_from_finders
    found: dict[str, object] = {}

    def add_files(middleware: WhiteNoiseMiddleware) -> None:
        if not found:
            find(middleware)
            found.update(middleware.files)
        middleware.files.update(found)

    with patch.object(WhiteNoiseMiddleware, "add_files_from_finders", add_files):
        yield


@pytest.fixture(autouse=True, scope="session")
def _kept_demo(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let the processes of this run share a demo that has stopped."""
    folder = tmp_path_factory.getbasetemp()
    KEPT["folder"] = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(autouse=True)
def _kept_keys(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.node.get_closest_marker("django_db") or "db" in request.fixturenames:
        request.getfixturevalue("django_db_setup")  # the keys of the database are none of these
    with kept_keys():
        yield


@pytest.fixture(autouse=True)
def _dutch() -> Iterator[None]:
    with translation.override("nl"):
        yield


@pytest.fixture
def office(db: None) -> Provider:
    """An office whose first administrator has joined."""
    return Provider.objects.create(name="Administratiekantoor De Vries", established_at=timezone.now())


@pytest.fixture
def alice(office: Provider) -> User:
    """The administrator."""
    return make_user(
        office, Right.MANAGE_PROVIDER, initials="A.", last_name="Vries", prefix="de", username="alice",
        email="alice@devries.example",
    )  # fmt: skip


@pytest.fixture
def bob(office: Provider) -> User:
    """A colleague without any rights."""
    return make_user(office, initials="B.", last_name="Bakker", username="bob", email="bob@devries.example")


@pytest.fixture
def charlie(db: None) -> User:
    """The administrator of another office."""
    other = Provider.objects.create(name="Kantoor Smit", established_at=timezone.now())
    return make_user(
        other, Right.MANAGE_PROVIDER, initials="C.", last_name="Smit", username="charlie", email="charlie@smit.example"
    )


@pytest.fixture
def alice_client(alice: User) -> Client:
    """Alice's browser, signed in."""
    return signed_in(alice)


@pytest.fixture
def bob_client(bob: User) -> Client:
    """Bob's browser, signed in."""
    return signed_in(bob)


@pytest.fixture
def charlie_client(charlie: User) -> Client:
    """Charlie's browser, signed in."""
    return signed_in(charlie)


@pytest.fixture
def dora(db: None) -> User:
    """A support user who has not set up two-factor yet."""
    return make_support()


@pytest.fixture
def dora_client(dora: User) -> Client:
    """Dora's browser, with two-factor set up and used just now."""
    return factors.signed_in(dora, factors.give_app(dora))


@pytest.fixture
def unavailable_database(transactional_db: None) -> Iterator[None]:
    """The database does not answer: the socket does not exist."""
    before = connection.settings_dict.copy()
    connection.close()
    connection.close_pool()
    with patch("core.embedded_postgres.server.ensure_running"):
        connection.settings_dict.update(HOST="127.0.0.1", PORT="1", POOL_WAIT_SECONDS=0.3)
        connection.settings_dict["OPTIONS"] = {"pool": {"min_size": 1, "max_size": 2, "timeout": 0.1}}
        yield
        connection.close()
        connection.close_pool()
    connection.settings_dict.clear()
    connection.settings_dict.update(before)


@pytest.fixture(autouse=True)
def _menu_counts(request: pytest.FixtureRequest) -> Iterator[None]:
    """Count the rows of the menu only in tests of them: counts are cached, so that queries would vary."""
    cache.clear()
    if not request.node.get_closest_marker("menu_counts"):
        with patch("users.context_processors.get_menu_counts", return_value={}):
            yield
    else:
        yield
