"""`make test-containers`: the image and compose.yaml, built and run by podman, as root.

Images cannot be fetched everywhere: the base is made from the machine's own package sources, and `postgresql/` stands
in for the image of the database.
"""

import json
import os
import quopri
import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import DEPLOY_TOOLS
from tests.helpers.demo_process import ROOT, free_port

pytestmark = pytest.mark.slow

BASE, IMAGE, DATABASE = (f"localhost/loket-test-{name}" for name in ("debian", "image", "postgresql"))
MAX_BYTES = 250_000_000
START_SECONDS = 300
# Names that no registry is asked for; limits and a runtime that work where not everything is permitted.
CONFIGURATION = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
runtime = "runc"
"""
SETTINGS = """\
LOKET_URL=https://loket.example
LOKET_TRUSTED_PROXIES=172.16.231.1
"""
PROXIED = {"Host": "loket.example", "X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
GUIDE = (ROOT / "docs" / "how-to" / "deploy.md").read_text().partition("\n### Back up")[2].partition("\n## ")[0]
PROGRAMS = "import os; print(sorted(name for path in os.get_exec_path() for name in os.listdir(path)))"
CREATE_OFFICE = (
    "create_provider", "Kantoor Jansen", "--admin-name", "A. Jansen", "--admin-email", "a.jansen@example.com",
    "--admin-phone", "06 12345678",
)  # fmt: skip


class Podman:
    """Podman and podman-compose with the configuration of this test."""

    def __init__(self, folder: Path) -> None:
        (folder / "containers.conf").write_text(CONFIGURATION)
        (folder / "settings.env").write_text(SETTINGS)
        self.port = free_port()
        self.environment = os.environ | {
            "CONTAINERS_CONF": str(folder / "containers.conf"), "PORT": str(self.port),
            "LOKET_IMAGE": IMAGE, "POSTGRES_IMAGE": DATABASE, "LOKET_ENV_FILE": str(folder / "settings.env"),
        }  # fmt: skip

    def run(self, *command: str | Path, check: bool = True) -> str:
        """Return the output of a command. Fails with all that it said."""
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def make_base(self, name: str, suite: str, variant: str, folder: Path) -> None:
        """Make the image of a release of Debian, unless it exists."""
        if subprocess.run(["podman", "image", "exists", name], env=self.environment, check=False).returncode == 0:
            return
        file = folder / "base.tar"
        self.run(
            "mmdebstrap", "-q", f"--variant={variant}",
            '--customize-hook=cd "$1/usr/share" && rm -rf doc/* man/* info/* locale/*',  # as in Debian's slim images
            "--customize-hook=copy-in /usr/local/share/ca-certificates /usr/local/share",  # of the network it is on
            suite, file,
        )  # fmt: skip
        self.run("podman", "import", "-q", file, name)
        file.unlink()

    def build(self, name: str, base: str, folder: Path) -> None:
        self.run(
            "podman", "build", "-q", "--layers=false", "--isolation=chroot", "--network=host", "--format=docker",
            f"--build-arg=BASE={base}", f"--tag={name}", folder,
        )  # fmt: skip

    def compose(self, *arguments: str, check: bool = True) -> str:
        return self.run(DEPLOY_TOOLS / "podman-compose", "-p", "loket-test", *arguments, check=check)

    def read_mail(self) -> str:
        """Return what the mail sink printed, without the line breaks of its encoding.

        Boundaries between the parts are decoded with the rest, so that some become bytes that are no text.
        """
        return quopri.decodestring(self.run("podman", "logs", "loket-test_mail_1").encode()).decode(errors="replace")

    def start(self) -> None:
        """Start the services in their order: podman 4.3 does not start what requires something that has ended."""
        self.start_database()
        self.run_to_its_end("migrate")
        self.compose("up", "-d", "--no-deps", "mail", "web", "worker")
        wait_until_ready(self)

    def start_database(self) -> None:
        self.run_to_its_end("secrets")
        self.compose("up", "-d", "--no-deps", "database")

    def run_to_its_end(self, service: str) -> None:
        self.compose("up", "-d", "--no-deps", service)
        self.run("podman", "wait", f"loket-test_{service}_1")

    def remove(self) -> None:
        """Remove the containers and volumes, also those that podman-compose may forget."""
        self.compose("down", "-v", check=False)
        volumes = [f"loket-test_{name}" for name in ("database", "backups", "app-secrets")]
        self.run("podman", "volume", "rm", "-f", *volumes, check=False)

    def get(self, path: str, **headers: str) -> requests.Response:
        """Return a page, as a proxy on this machine asks for it."""
        url = f"http://127.0.0.1:{self.port}{path}"
        return requests.get(url, headers=PROXIED | headers, allow_redirects=False, timeout=10)

    def run_in(self, service: str, script: str) -> str:
        """Return the output of a Python script in the container of a service."""
        return self.run("podman", "exec", f"loket-test_{service}_1", "python3", "-c", script).strip()


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Podman:
    found, folder = Podman(tmp_path_factory.mktemp("podman")), tmp_path_factory.mktemp("base")
    found.make_base(BASE, "trixie", "minbase", folder)
    found.run("podman", "run", "--rm", BASE, "true")
    return found


@pytest.fixture(scope="module")
def image(podman: Podman) -> dict[str, Any]:
    """What is known of the image of the product."""
    podman.build(IMAGE, BASE, ROOT)
    (found,) = json.loads(podman.run("podman", "image", "inspect", IMAGE))
    return found


def test_the_image_is_small_and_runs_as_nobody_in_particular(image: dict[str, Any], podman: Podman) -> None:
    """Size: the sum of the unpacked layers."""
    print(f"image: {image['Size'] / 1e6:.0f} MB")  # noqa: T201
    assert image["Size"] < MAX_BYTES
    assert image["Config"]["User"] == "10001:10001"
    assert "/healthz" in image["Healthcheck"]["Test"][-1]
    programs = podman.run("podman", "run", "--rm", "--entrypoint=python3", IMAGE, "-c", PROGRAMS)
    assert "'loket'" in programs
    assert not re.search(r"'(?:\w*sh|pip\S*|apt|dpkg|perl|gcc|make)'", programs)


@pytest.fixture(scope="module")
def trial(podman: Podman, image: dict[str, Any]) -> Iterator[Podman]:
    """The whole product after `compose up`."""
    podman.build(DATABASE, BASE, ROOT / "tests" / "deploy" / "postgresql")
    podman.remove()
    try:
        podman.start()
        yield podman
    finally:
        podman.remove()


def wait_until_ready(podman: Podman) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            answer = requests.get(f"http://127.0.0.1:{podman.port}/readyz", timeout=5)
            if answer.status_code == 200:
                return
            said = answer.text
        except requests.RequestException as error:
            said = str(error)
        if time.monotonic() > deadline:
            pytest.fail(f"{said}\n{podman.compose('logs', '--tail=20', check=False)}")
        time.sleep(1)


def test_an_administrator_gets_an_invitation(trial: Podman) -> None:
    trial.run("podman", "exec", "loket-test_web_1", "loket", *CREATE_OFFICE)
    deadline = time.monotonic() + 60
    while not (links := re.findall(r"https://loket\.example(/uitnodiging/\S+)", trial.read_mail())):
        assert time.monotonic() < deadline
        time.sleep(1)
    link = trial.get(links[0])
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in link.cookies)
    page = trial.get(link.headers["Location"], Cookie=cookies)
    assert page.status_code == 200
    assert "Kantoor Jansen" in page.text


WRITE = """
from pathlib import Path
for folder in ("/", "/opt/loket", "/etc/loket/app", "/usr"):
    try:
        Path(folder, "x").write_text("")
    except OSError:
        continue
    print(folder)
"""
LIST = "import os; print(sorted(os.listdir('/etc/loket/{}')))"
READ = "import pathlib; print([path.read_text() for path in sorted(pathlib.Path('/etc/loket/app').iterdir())])"
DELETE = "from django.db import connection; connection.cursor().execute('DELETE FROM audit_event')"
ASK = """
from http.client import HTTPConnection
connection = HTTPConnection("web", 8000)
connection.request("GET", "/inloggen/", headers={headers})
print(connection.getresponse().status)
"""
FIND_DATABASE = """
import socket
try:
    print(socket.gethostbyname("database"))
except OSError:
    print("none")
"""
COUNT = "from accounts.models import Provider; print(Provider.objects.count())"


def test_nothing_can_be_written_and_secrets_are_apart(trial: Podman) -> None:
    assert [trial.run_in(service, WRITE) for service in ("web", "worker", "mail")] == ["", "", ""]
    assert trial.run_in("web", LIST.format("owner")) == "[]"
    assert trial.run_in("mail", LIST.format("app")) == "[]"
    assert len(trial.run_in("web", LIST.format("app")).split(",")) == 4


def test_the_application_cannot_change_the_history(trial: Podman) -> None:
    command = ["podman", "exec", "loket-test_web_1", "loket", "shell", "-v0", "-c", DELETE]
    done = subprocess.run(command, env=trial.environment, capture_output=True, text=True, check=False)
    assert "permission denied for table audit_event" in done.stderr


def test_secrets_and_data_stay_when_it_is_started_again(trial: Podman) -> None:
    before = trial.run_in("web", READ)
    trial.compose("down")
    trial.start()
    assert trial.run_in("web", READ) == before
    assert trial.run("podman", "exec", "loket-test_web_1", "loket", "shell", "-v0", "-c", COUNT).strip() == "1"


def test_only_a_proxy_on_this_machine_is_believed(trial: Podman) -> None:
    assert trial.get("/inloggen/").status_code == 200
    assert trial.run_in("mail", ASK.format(headers=PROXIED)) == "301", "to https: another container is no proxy"


def test_the_database_reaches_nothing_and_only_the_application_reaches_it(trial: Podman) -> None:
    routes = trial.run("podman", "exec", "loket-test_database_1", "cat", "/proc/net/route")
    assert len(routes.splitlines()) == 2, "a heading, and its own network"
    assert trial.run_in("mail", FIND_DATABASE) == "none"
    assert trial.run_in("worker", FIND_DATABASE) != "none"


def test_a_backup_is_restored_on_another_machine(trial: Podman, tmp_path: Path) -> None:
    """With the commands of the guide."""
    copy, restore = re.findall(r"((?:^    .+\n)+)", GUIDE, re.M)
    keys = trial.run_in("web", READ)
    run_commands(trial, copy, tmp_path)
    trial.remove()
    (name,) = re.findall(r"loket-\w+Z\.backup", trial.run("tar", "-tf", tmp_path / "loket-backups.tar"))
    before, after = restore.split("    docker compose run")
    run_commands(trial, before, tmp_path)
    trial.start_database()
    run_commands(trial, "    docker compose run" + after.replace("loket-20270331T020000Z.backup", name), tmp_path)
    trial.start()
    assert trial.run_in("web", READ) == keys
    assert trial.run("podman", "exec", "loket-test_web_1", "loket", "shell", "-v0", "-c", COUNT).strip() == "1"


def run_commands(trial: Podman, commands: str, folder: Path) -> None:
    """Run commands of the guide with podman, without what starts services: podman 4.3 does not know their order."""
    compose = f"{DEPLOY_TOOLS / 'podman-compose'} -f {ROOT / 'compose.yaml'} -p loket-test --profile=backup"
    lines = re.sub(r"^ +docker compose (?:build|up .*)$", "", commands, flags=re.M)
    for here, there in {
        "docker compose run --rm": f"{compose} run --rm -T --no-deps", "docker ": "podman ",
        "debian:trixie-slim": BASE, " loket_": " loket-test_",
    }.items():  # fmt: skip
        lines = lines.replace(here, there)
    trial.run("sh", "-ec", f"cd {shlex.quote(str(folder))}\n{lines}")
