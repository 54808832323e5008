"""The whole journey over HTTP with real processes: no secret in database, logs or files, at any step.

Only four files of the data folder may contain secrets: the demo's mailbox, which stands for the phone and the mail
program; the keys; and the demo's own file with the password that it prints.
"""

import base64
import json
import re
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from core.embedded_postgres import server
from tests.helpers.demo_process import ROOT, Demo, fresh_demo
from tests.helpers.secret_search import found, unpacked
from tests.helpers.servers import own_environment

ALLOWED = {"postvak.jsonl", "keys.json", "checkpoint-key"}
DEMO_PASSWORD_FILE = "demo-password"
NUMBER, TYPED, OTHER = "+31624895137", "06 - 2489 51 37", "+32471395862"
PASSWORDS = {
    "weak": "klaprozen",
    "first": "Zonnebloem-42é",
    "changed": "Korenbloem!17",
    "reset": "Vergeet-mij-niet-8",
    "wrong": "Helemaal-Fout-1",
}
TOKEN_OF_NOBODY = base64.urlsafe_b64encode(b"\xfa" * 32).decode()[:43]
SECRETS = {
    "number": ("number", NUMBER),
    "other number": ("number", OTHER),
    "token of nobody": ("token", TOKEN_OF_NOBODY),
    **{f"{name} password": ("password", password) for name, password in PASSWORDS.items()},
}


@dataclass
class Witness:
    """Searches everywhere after every step."""

    demo: Demo
    secrets: dict[str, tuple[str, str]] = field(default_factory=dict)
    steps: int = 0

    @property
    def data(self) -> Path:
        return self.demo.folder / "postgresql"

    def knows(self, name: str, kind: str, secret: str) -> str:
        """Search for this secret from now on."""
        self.secrets[name] = (kind, secret)
        return secret

    def places(self, *, inside: bool = False) -> dict[str, bytes]:
        """Return the dump, the sessions, and every file of the data folder.

        With `inside`, include the database's own files. Those are searched once, at the end: the write-ahead log keeps
        every row of every step.
        """
        places = {"dump": self.run("pg_dump", "--inserts", "--no-owner")}
        rows = self.run("psql", "-Atc", "SELECT session_data FROM django_session").split()
        places |= {f"session {number}": unpacked(row) for number, row in enumerate(rows)}
        if inside:
            places["history, opened"] = self.history()
            self.run("psql", "-Atc", "CHECKPOINT", user="postgres")
        for path in self.demo.folder.rglob("*"):
            own = self.data in path.parents and path.name != "server.log"
            if path.is_file() and (inside or not own) and path.name not in ALLOWED | {DEMO_PASSWORD_FILE}:
                places[str(path.relative_to(self.demo.folder))] = path.read_bytes().rstrip(b"\0")
        return places

    def history(self) -> bytes:
        """Return the decrypted history, which the dump has encrypted."""
        said = "from tests.helpers import audit_events; print(audit_events.read_history_text())"
        command = [sys.executable, "manage.py", "shell", "-v0", "-c", said]
        environment = own_environment(self.demo.folder)
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True).stdout

    def run(self, tool: str, *arguments: str, user: str = "loket") -> bytes:
        where = ["-h", server.get_socket_dir(self.data), "-p", str(server.SERVER_PORT), "-U", user, "-d", "loket"]
        return subprocess.run(
            [str(server.get_binary_dir() / tool), *where, *arguments], capture_output=True, check=True
        ).stdout

    def look(self, *, inside: bool = False) -> None:
        """Check that no secret is readable anywhere."""
        places = self.places(inside=inside)
        assert "demo.log" in places, "the logs are among them"
        assert "postgresql/server.log" in places
        assert b"INSERT INTO public.invitations_invitation " in places["dump"]
        assert not found(self.secrets, places)
        self.steps += 1


@dataclass
class Someone:
    """A browser without a window; every submitted form is a step after which the witness searches."""

    witness: Witness
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.session.trust_env = False

    def get(self, path: str, status: int = 200) -> requests.Response:
        """Open a URL."""
        url = path if path.startswith("http") else self.witness.demo.url + path
        response = self.session.get(url, timeout=10)
        assert response.status_code == status, f"{path}: {response.status_code}"
        return response

    def send(self, path: str, ends_at: str, status: int = 200, **values: str) -> requests.Response:
        """Open the page at `path`, submit its form with `values`, check where that ends, and search."""
        page = self.get(path)
        hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text)
        known = dict(hidden) | {"csrfmiddlewaretoken": self.session.cookies["csrftoken"]}
        main = page.text[page.text.index("<main") : page.text.index("</main>")]  # not the warning that a session ends
        action = re.search(r'<form[^>]* action="([^"]+)"', main)
        url = self.witness.demo.url + action[1] if action else page.url
        response = self.session.post(url, known | values, headers={"Referer": url}, timeout=10)
        assert response.status_code == status, f"{path}: {response.status_code}"
        assert re.search(ends_at, response.url), response.url
        self.witness.look()
        return response


def link(witness: Witness, path: str, to: str, after: int) -> str:
    """Return the link in the e-mail to a user, whose token is a secret from now on."""
    mail = witness.demo.wait_for("mail", to, after=after)
    token = re.search(rf"/{path}/([\w-]{{43}})/", mail)[1]
    witness.knows(f"token {len(witness.secrets)}", "token", token)
    witness.look()
    return f"/{path}/{token}/"


def invite(admin: Someone, typed: str, email: str) -> str:
    """Invite a user; return the link."""
    after = len(admin.witness.demo.mailbox())
    text = {"subject": "Uitnodiging", "body": "Open {UitnodigingLink}"}
    page = admin.send("/gebruikers/nieuw/website/", "concept=", initials="P.", last_name="Boer", email=email, **text)
    path = page.url.removeprefix(admin.witness.demo.url)
    admin.send(path, "mobiel/", mobile_number=typed + "999999")
    admin.send(path, "/gebruikers/$", mobile_number=typed)
    return link(admin.witness, "uitnodiging", email, after)


def prove_phone(guest: Someone, opened: str, number: str) -> None:
    guest.get(opened)
    guest.witness.look()
    after = len(guest.witness.demo.mailbox())
    guest.send("/uitnodiging/", "/code/$", after="")
    code = re.search(r"\d{6}", guest.witness.demo.wait_for("sms", number, after=after))[0]
    guest.witness.knows("code", "code", code)
    guest.witness.look()
    wrong = guest.witness.knows("wrong code", "code", f"{(int(code) + 1) % 10**6:06d}")
    guest.send("/uitnodiging/code/", "/code/$", code=wrong)
    guest.send("/uitnodiging/code/", "/account/$", code=code)


def accept(guest: Someone, opened: str) -> None:
    prove_phone(guest, opened, NUMBER)
    for name, ends_at in (("weak", "/account/$"), ("first", r"\d/$")):
        chosen = PASSWORDS[name]
        guest.send("/uitnodiging/", ends_at, username="p.deboer.2", password=chosen, password_again=chosen)


def use_passwords(guest: Someone) -> None:
    """Change the password, confirm a new address, forget the password and choose a third."""
    first, changed, reset = (PASSWORDS[name] for name in ("first", "changed", "reset"))
    new = {"password": changed, "password_again": changed}
    guest.send("/profiel/wachtwoord/", "/profiel/wachtwoord/$", current_password=PASSWORDS["wrong"], **new)
    guest.send("/profiel/wachtwoord/", "/profiel/$", current_password=first, **new)
    after = len(guest.witness.demo.mailbox())
    guest.send("/profiel/email/", "/profiel/$", current_password=changed, email="nieuw@devries.example")
    guest.send(link(guest.witness, "email-bevestigen", "nieuw@devries.example", after), "bevestigen")
    stranger = Someone(guest.witness)
    stranger.send("/inloggen/", "/inloggen/$", username="p.deboer.2", password=PASSWORDS["wrong"])
    after = len(guest.witness.demo.mailbox())
    stranger.send("/wachtwoord-vergeten/", "/verstuurd/$", email="nieuw@devries.example")
    opened = link(guest.witness, "wachtwoord-vergeten", "nieuw@devries.example", after)
    stranger.send(opened, "/inloggen/$", password=reset, password_again=reset)
    stranger.send("/inloggen/", r"\d/$", username="p.deboer.2", password=reset)


def send_again_and_revoke(admin: Someone) -> None:
    invite(admin, OTHER, "nog.iemand@devries.example")
    person = re.search(r"/gebruikers/[0-9a-f-]{36}/", admin.get("/gebruikers/?q=nog.iemand").text)[0]
    after = len(admin.witness.demo.mailbox())
    admin.send(f"{person}opnieuw-versturen/", person, email="nog.iemand@devries.example", mobile_number=TYPED)
    prove_phone(Someone(admin.witness), link(admin.witness, "uitnodiging", "nog.iemand@devries.example", after), NUMBER)
    admin.send(f"{person}intrekken/", person)


def what_is_planted_is_found(witness: Witness) -> None:
    """Check that a secret planted in a table, a session or a log is found by the same search."""
    sql = "CREATE TABLE planted AS SELECT 'Zonnebloem-42é' AS plain, convert_to('Korenbloem!17', 'UTF8') AS raw"
    sql += " FROM generate_series(1, 3)"  # the log breaks a row where one of its pages ends
    witness.run("psql", "-c", sql)
    packed = base64.urlsafe_b64encode(zlib.compress(b'{"p": "Korenbloem!17"}')).rstrip(b"=").decode()
    row = f"INSERT INTO django_session VALUES ('planted', '.{packed}:1abc:signature', now())"
    witness.run("psql", "-c", row)
    log = witness.demo.folder / "demo.log"
    before = log.read_bytes()
    log.write_bytes(before + b"Vergeet-mij-niet-8\n")
    try:
        seen = found(witness.secrets, witness.places())
    finally:
        log.write_bytes(before)
        witness.run("psql", "-c", "DROP TABLE planted; DELETE FROM django_session WHERE session_key = 'planted'")
    inside = found({"first": witness.secrets["first password"]}, witness.places(inside=True))
    assert {"first password in dump", "changed password in dump"} <= set(seen)
    assert "reset password in demo.log" in seen
    assert any(re.fullmatch(r"changed password in session \d+", one) for one in seen)
    assert any(one.startswith("first in postgresql/pg_wal/") for one in inside), "also of what is gone"


@contextmanager
def watched_demo() -> Iterator[Witness]:
    """Yield a demo and a search for its secrets."""
    with fresh_demo() as (running, said):
        watching = Witness(running, dict(SECRETS))
        watching.knows("password of the administrator", "password", said["Wachtwoord"])
        yield watching


@pytest.mark.slow
def test_nothing_of_the_story_can_be_read_afterwards() -> None:
    with watched_demo() as witness:
        admin, guest = Someone(witness), Someone(witness)
        witness.look()
        password = witness.secrets["password of the administrator"][1]
        admin.send("/inloggen/", r"/code/", username="m.vermeer", password=password)
        admin.send("/inloggen/code/", r"\d/$", code=witness.demo.code())
        admin.get(f"/uitnodiging/{TOKEN_OF_NOBODY}/", status=404)
        opened = invite(admin, TYPED, "p.deboer2@devries.example")
        accept(guest, opened)
        use_passwords(guest)
        send_again_and_revoke(admin)
        guest.get(opened, status=410)
        witness.look(inside=True)
        assert witness.steps > 30
        what_is_planted_is_found(witness)


@pytest.mark.parametrize(
    "planted",
    [
        b"0624895137", b"+31 6 24 89 51 37", b"0031-6-2489.5137", b"06-24895137", b"tel:624895137",
        b"624895137".hex().encode(), base64.b64encode(b'{"to": "+31624895137"}'), base64.b64encode(b"..+31624895137"),
        b"Zonnebloem-42\xc3\xa9", "Zonnebloem-42é".encode().hex().upper().encode(), b"password=Zonnebloem-42%C3%A9",
        json.dumps({"p": "Zonnebloem-42é"}).encode(), base64.b64encode("a Zonnebloem-42é".encode()),
        b"\xfa" * 32, b"\\x" + (b"\xfa" * 32).hex().encode(), base64.urlsafe_b64encode(b"\xfa" * 32),
    ],
)  # fmt: skip
def test_the_search_finds_what_was_planted(planted: bytes) -> None:
    clean = b'{"timestamp": "2026-11-24T02:14:04.624895Z", "id": "019a6248-9514-7137"} '
    assert not found(SECRETS, {"place": clean})
    assert found(SECRETS, {"place": clean + planted + b" and more"})


@pytest.mark.parametrize("planted", [b"code 482913.", b"(482913, 'x')", b"482913".hex().encode()])
def test_the_search_finds_a_code(planted: bytes) -> None:
    code = {"code": ("code", "482913")}
    assert found(code, {"place": planted})
    assert not found(code, {"place": b"12:00:00.482913+00 a1482913f 14829130"})
