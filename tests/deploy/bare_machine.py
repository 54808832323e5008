"""`make test-bare-machine`: the guide for operators, played to the letter on fresh machines, as root, by podman.

A machine is a Debian 12 with its own systemd and network address, and nothing else. Its commands are read from the
pages of docs/, so that a step that does not work fails here. Mail server and SMS gateway are real, on this side.
"""

import base64
import re
import subprocess
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urljoin

import pytest
import requests
import urllib3

import core
from tests.deploy.containers import Podman
from tests.helpers.demo_process import ROOT
from tests.helpers.mfa import code_now
from tests.helpers.servers import MailServer, SmsGateway, running_mail_server, running_sms_gateway

pytestmark = pytest.mark.slow

BASE = "localhost/loket-test-bookworm"
HOST = "loket.example"  # of the documentation
WHEEL = f"loket-{core.__version__}-py3-none-any.whl"
SITE, USERNAME, PASSWORD = f"https://{HOST}", "a.jansen", "Zonnebloem-42"
NAME_OF_BACKUP = "loket-20270331T020000Z.backup"  # that of the documentation
KEYS = ("LOKET_SECRET_KEY", "LOKET_SEALING_KEYS", "LOKET_CHECKPOINT_KEY")
# What systemd needs to confine services in a container as it does on a machine.
CONFINES = ("--cap-add=SYS_ADMIN,SYS_PTRACE", "--security-opt=seccomp=unconfined", "--security-opt=unmask=ALL")
CERTIFICATE = (
    f"openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN={HOST} -addext subjectAltName=DNS:{HOST} "
    "-keyout /etc/loket/privkey.pem -out /etc/loket/fullchain.pem"
)
AS_LOKET = "cd /srv/loket\nset -a; . /etc/loket/environment; set +a\n"  # of commands after $


def read_blocks(page: str, section: str) -> list[str]:
    """Return what a section of the documentation shows as typed."""
    text = (ROOT / "docs" / page).read_text()
    (body,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    return [textwrap.dedent(block) for block in re.findall(r"(?:^ {4,}\S.*\n)+", body, re.M)]


class Machine:
    """A fresh Debian with systemd, running."""

    def __init__(self, podman: Podman, name: str) -> None:
        self.podman, self.name = podman, name
        podman.run("podman", "run", "-d", f"--name={name}", "--systemd=always", *CONFINES, BASE, "/sbin/init")
        wait_for(lambda: "running" in self.run("systemctl is-system-running || true"))
        (found,) = podman.run(
            "podman", "inspect", name, "--format={{.NetworkSettings.IPAddress}} {{.NetworkSettings.Gateway}}"
        ).splitlines()
        self.address, self.gateway = found.split()

    def run(self, script: str, user: str = "root") -> str:
        """Return the output of a script of bash. Fails with all that it said."""
        done = subprocess.run(
            ["podman", "exec", self.name, "su", user, "-s", "/bin/bash", "-c", f"set -eu\n{script}"],
            stdin=subprocess.DEVNULL, env=self.podman.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{script}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def follow(self, block: str, **replaced: str) -> str:
        """Type what the documentation shows after # as root, and what it shows after $ as loket."""
        for old, new in replaced.items():
            block = block.replace(old, new)
        root = "\n".join(line[2:] for line in block.splitlines() if line.startswith("# "))
        loket = "\n".join(line[2:] for line in block.splitlines() if line.startswith("$ "))
        assert bool(root) != bool(loket), block
        return self.run(root) if root else self.run(AS_LOKET + loket, "loket")

    def write(self, path: str, text: str, *, mode: str, group: str = "root") -> None:
        self.run(f"install -m {mode} -g {group} /dev/null {path}\ncat > {path} <<'END'\n{text}END\n")

    def copy(self, source: str | Path, target: str | Path) -> None:
        """Copy a file or folder; that of a machine is named as podman does."""
        self.podman.run("podman", "cp", source, target)


def wait_for(is_true: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.5)


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Podman:
    found = Podman(tmp_path_factory.mktemp("podman"))
    found.make_base(BASE, "bookworm", "important", tmp_path_factory.mktemp("base"))
    found.run("make", "wheel")
    return found


@dataclass
class Kept:
    """What is stored elsewhere: by the operator, on a phone, and in the mail of an auditor."""

    keys: dict[str, str] = field(default_factory=dict)
    authenticator: bytes = b""
    checkpoint: bytes = b""


@pytest.fixture(scope="module")
def kept() -> Kept:
    return Kept()


@contextmanager
def run_machine(podman: Podman, name: str) -> Iterator[Machine]:
    """Run a machine, and remove it at the end."""
    try:
        yield Machine(podman, name)
    finally:
        podman.run("podman", "rm", "-f", "-t", "10", name, check=False)


@pytest.fixture(scope="module")
def first(podman: Podman) -> Iterator[Machine]:
    with run_machine(podman, "loket-test-first") as machine:
        yield machine


@pytest.fixture(scope="module")
def second(podman: Podman) -> Iterator[Machine]:
    with run_machine(podman, "loket-test-second") as machine:
        yield machine


@pytest.fixture(scope="module")
def mail(first: Machine) -> Iterator[MailServer]:
    yield from running_mail_server(first.gateway)


@pytest.fixture(scope="module")
def sms(first: Machine) -> Iterator[SmsGateway]:
    yield from running_sms_gateway(first.gateway)


def install(machine: Machine, mail: MailServer, sms: SmsGateway, kept: Kept, password: str) -> list[str]:
    """Install Loket without starting it; return the steps that remain: start, the proxy, the first office."""
    packages, environment, sql, settings, owner, generate, *rest = read_blocks("operating.md", "Install")
    machine.follow(packages)
    for path in (ROOT / "dist" / WHEEL, ROOT / "requirements.txt", ROOT / "deploy"):
        machine.copy(path, f"{machine.name}:/srv/loket/")
    machine.follow(environment)
    machine.run(f"psql <<'END'\n{sql.replace('…', password)}END\n", "postgres")
    kept.keys = kept.keys or generate_keys(machine, generate)
    values = kept.keys | {
        "DATABASE_URL": f"postgres://loket_app:{password}@127.0.0.1:5432/loket",
        "EMAIL_URL": f"smtp://{machine.gateway}:{mail.port}",
        "SMS_URL": f"'{sms.url}'",
    }
    lines = [line.partition("=")[::2] for line in settings.splitlines()]
    text = "".join(f"{name}={values.get(name, value)}\n" for name, value in lines)
    machine.write("/etc/loket/environment", text, mode="640", group="loket")
    machine.write("/etc/loket/owner", owner.replace("…", password), mode="600")
    return rest


def generate_keys(machine: Machine, block: str) -> dict[str, str]:
    secret, key = block.splitlines()
    return dict(zip(KEYS, (machine.run(line.removeprefix("$ ")).strip() for line in (secret, key, key)), strict=True))


def put_behind_nginx(machine: Machine, block: str) -> None:
    """Let nginx serve the site with a certificate of its own."""
    machine.run(CERTIFICATE)
    machine.follow(block, **{"<your host>": HOST})


class Visitor(requests.Session):
    """A browser, as far as forms and cookies go."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        super().__init__()
        self.trust_env, self.verify = False, str(folder / "certificate.pem")
        machine.copy(f"{machine.name}:/etc/loket/fullchain.pem", self.verify)

    def open(self, path: str) -> requests.Response:
        page = self.get(urljoin(SITE, path), timeout=60)
        assert page.status_code == 200, (page.url, page.status_code)
        return page

    def submit(self, page: requests.Response, path: str, **values: str) -> requests.Response:
        """Submit the form of a page that has this address, and return the page after it."""
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
        found = self.post(urljoin(SITE, path), hidden | values, headers={"Referer": page.url}, timeout=60)
        assert found.status_code == 200, (found.url, found.status_code)
        return found

    def add_authenticator(self) -> bytes:
        """Set up two-factor, and return the secret of the app."""
        page = self.open("/profiel/twee-factor/app/")
        (key,) = re.findall(r'<code id="secret">([A-Z2-7 ]+)</code>', page.text)
        secret = base64.b32decode(key.replace(" ", ""))
        page = self.submit(page, "/profiel/twee-factor/app/", name="Telefoon", code=code_now(secret))
        assert page.url.startswith(f"{SITE}/profiel/twee-factor/herstelcodes/"), page.url
        return secret

    def sign_in(self, code: str) -> None:
        page = self.submit(self.open("/inloggen/"), "/inloggen/", username=USERNAME, password=PASSWORD)
        assert page.url.startswith(f"{SITE}/inloggen/code/"), page.url
        page = self.submit(page, "/inloggen/code/", code=code)
        assert (page.url, "Kantoor Jansen" in page.text) == (f"{SITE}/", True), page.url


@contextmanager
def visit(machine: Machine, folder: Path) -> Iterator[Visitor]:
    """A browser that finds the machine at its public name."""
    connect = urllib3.util.connection.create_connection

    def find(address: tuple[str, int], *arguments: object, **options: object) -> object:
        return connect((machine.address, address[1]), *arguments, **options)

    with patch("urllib3.util.connection.create_connection", find), Visitor(machine, folder) as visitor:
        yield visitor


def test_the_guide_ends_with_a_site_that_runs(first: Machine, mail: MailServer, sms: SmsGateway, kept: Kept) -> None:
    start, proxy, office = install(first, mail, sms, kept, "abcDEF123")
    assert '"ready": true' in first.follow(start)
    assert first.run("systemctl is-active loket-web loket-worker").split() == ["active", "active"]
    put_behind_nginx(first, proxy)
    assert "is invited at a.jansen@example.com" in first.follow(office)


def test_an_invitation_leads_to_an_account(
    first: Machine, mail: MailServer, sms: SmsGateway, kept: Kept, tmp_path: Path
) -> None:
    wait_for(lambda: mail.mails)
    (link,) = re.findall(rf"{SITE}/uitnodiging/\S+", mail.mails[0].get_body(("plain",)).get_content())
    with visit(first, tmp_path) as visitor:
        page = visitor.open(link)
        assert (page.url, "Kantoor Jansen" in page.text) == (f"{SITE}/uitnodiging/", True)
        page = visitor.submit(page, "/uitnodiging/code/versturen/")
        wait_for(lambda: sms.bodies)
        (code,) = re.findall(r"\b\d{6}\b", sms.bodies[0]["message"])
        page = visitor.submit(page, "/uitnodiging/code/", code=code)
        page = visitor.submit(
            page, "/uitnodiging/account/", username=USERNAME, password=PASSWORD, password_again=PASSWORD
        )
        assert page.url.startswith(f"{SITE}/profiel/twee-factor/"), page.url
        kept.authenticator = visitor.add_authenticator()
    with visit(first, tmp_path) as visitor:
        visitor.sign_in(code_now(kept.authenticator, steps=1))
        kept.checkpoint = visitor.open("/historie/checkpoint.json").content


def test_the_doctor_finds_nothing_but_what_this_network_lacks(first: Machine) -> None:
    """No name server knows the host, and the mail server of this test has no TLS."""
    said = first.run(f"{AS_LOKET}.venv/bin/loket doctor || true", "loket")
    wrong = set(re.findall(r"^(\w+): (?:PROBLEM|WARNING)", said, re.M))
    assert wrong == {"mail", "tls", "dns"}, said


def test_a_backup_lives_on_elsewhere(
    first: Machine, second: Machine, mail: MailServer, sms: SmsGateway, kept: Kept, tmp_path: Path
) -> None:
    """On another machine, with another database, whose passwords differ; the keys are the same."""
    back_up, check = read_blocks("how-to/backup.md", "Back up")
    (restore,) = read_blocks("how-to/backup.md", "Restore")
    first.follow(back_up)
    (name,) = first.run("ls /var/backups/loket").splitlines()
    first.follow(check, **{NAME_OF_BACKUP: name})
    first.copy(f"{first.name}:/var/backups/loket/{name}", tmp_path)
    first.run("systemctl stop loket-web loket-worker postgresql")

    start, proxy, _office = install(second, mail, sms, kept, "ghiJKL456")
    second.run("install -d -m 700 /var/backups/loket")
    second.copy(tmp_path / name, f"{second.name}:/var/backups/loket/")
    print(second.follow(restore, **{NAME_OF_BACKUP: name}))  # noqa: T201
    assert '"ready": true' in second.follow(start)
    put_behind_nginx(second, proxy)
    with visit(second, tmp_path) as visitor:
        visitor.sign_in(code_now(kept.authenticator))
        (tmp_path / "historie.jsonl").write_bytes(visitor.open("/historie/export.jsonl").content)
        (tmp_path / "public.pem").write_bytes(visitor.open("/historie/public.pem").content)
    (tmp_path / "checkpoint.json").write_bytes(kept.checkpoint)
    for file in ("historie.jsonl", "checkpoint.json", "public.pem"):
        second.copy(tmp_path / file, f"{second.name}:/srv/loket/")
    verdict = second.run("cd /srv/loket; .venv/bin/loket-verify historie.jsonl checkpoint.json public.pem", "loket")
    print(verdict)  # noqa: T201
    assert verdict.startswith("intact"), verdict
