"""People who work while the database fails over, through the real web server, and what they were told.

Whatever was acknowledged is known by the X-Request-ID of its answer, which the event in the history has as well.
"""

import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count, pairwise
from threading import Event, Lock, Thread

import requests

from tests.helpers.users import PASSWORD

TIMEOUT = 20  # seconds
PAUSE = 0.3  # seconds between two tries of one person


class NotNow(Exception):
    """The site asked for patience."""


@dataclass
class Told:
    """What everybody was told, put together."""

    acknowledged: list[str] = field(default_factory=list)  # ids of requests
    invited: list[str] = field(default_factory=list)  # addresses
    moments: list[float] = field(default_factory=list)  # of what was acknowledged
    answers: Counter[str] = field(default_factory=Counter)
    odd: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def longest_silence(self, since: float) -> float:
        """Return the longest time between two acknowledged changes."""
        moments = [since, *sorted(moment for moment in self.moments if moment > since)]
        return max(later - earlier for earlier, later in pairwise(moments))


class Person:
    """A user at a browser, who tries again when asked to."""

    def __init__(self, url: str, told: Told, username: str) -> None:
        self.url, self.told, self.username = url, told, username
        self.session = requests.Session()
        self.session.trust_env = False

    def get(self, path: str) -> str:
        """Return a page, without the places where an address may break. Raises NotNow."""
        response = self._ask(lambda: self.session.get(self.url + path, timeout=TIMEOUT, allow_redirects=False))
        return response.text.replace("<wbr>", "")

    def change(self, path: str, **data: object) -> str:
        """Send a form that changes something; return where the answer leads to. Raises NotNow."""
        form = {"csrfmiddlewaretoken": self.session.cookies["csrftoken"], **data}
        response = self._ask(lambda: self.session.post(self.url + path, form, timeout=TIMEOUT, allow_redirects=False))
        if response.status_code != 302:
            with self.told.lock:
                self.told.odd.append(f"{response.status_code} {path}")
            raise NotNow
        self.last_id = response.headers["X-Request-ID"]
        return response.headers["Location"]

    def acknowledge(self) -> None:
        """Note that the last change was acknowledged."""
        with self.told.lock:
            self.told.acknowledged.append(self.last_id)
            self.told.moments.append(time.monotonic())

    def _ask(self, request: Callable[[], requests.Response]) -> requests.Response:
        try:
            response = request()
        except requests.RequestException as error:
            with self.told.lock:
                self.told.odd.append(type(error).__name__)
            raise NotNow from None
        plain = response.status_code == 503 and "Probeer het zo opnieuw" in response.text
        with self.told.lock:
            self.told.answers["plain 503" if plain else str(response.status_code)] += 1
            if response.status_code >= 500 and not plain:
                self.told.odd.append(f"{response.status_code} {response.text[:200]}")
        if response.status_code >= 500:
            raise NotNow
        return response

    def sign_in(self) -> None:
        """Sign in."""
        self.session.cookies.clear()
        self.get("/inloggen/")
        self.change("/inloggen/", username=self.username, password=PASSWORD)
        self.acknowledge()


_numbers = count()


def invite(person: Person) -> None:
    """Invite a new user."""
    email = f"p{next(_numbers)}@kantoor.example"
    path = "/gebruikers/nieuw/website/"
    text = {"subject": "Uitnodiging", "body": "Open {UitnodigingLink} voor {GeldigTot}."}
    on = person.change(path, initials="P.", last_name="Boer", email=email, **text)
    concept = re.search(r"concept=([0-9a-f-]+)", on)
    assert concept is not None
    answer = person.change(on, mobile_number="0612345678", concept=concept[1])
    if answer.startswith("/gebruikers/") and "nieuw" not in answer:
        person.acknowledge()
        with person.told.lock:
            person.told.invited.append(email)


def change_rights(person: Person, team: str) -> None:
    """Give the team another right."""
    page = person.get(f"/teams/{team}/rechten/")
    version = re.search(r'name="version" value="(\d+)"', page)
    assert version is not None, page[:500]
    right = ("view_users", "view_teams")[int(version[1]) % 2]
    person.change(f"/teams/{team}/rechten/", rights=right, version=version[1])
    person.acknowledge()


class Load:
    """Two who invite, one who changes rights, one who signs in again and again."""

    def __init__(self, url: str, team: str) -> None:
        self.told, self._stop = Told(), Event()
        alice_client = [Person(url, self.told, "alice") for _number in range(3)]
        for one in alice_client:
            one.sign_in()
        bob = Person(url, self.told, "bob")
        works: list[tuple[Callable[[], None], float]] = [
            (lambda: invite(alice_client[0]), 0.2), (lambda: invite(alice_client[1]), 0.2),
            (lambda: change_rights(alice_client[2], team), 0.3), (bob.sign_in, 0.5),
        ]  # fmt: skip
        self._people, self._faults = [*alice_client, bob], list[str]()
        self._threads = [Thread(target=self._repeat, args=work) for work in works]
        for thread in self._threads:
            thread.start()

    def _repeat(self, work: Callable[[], None], pause: float) -> None:
        while not self._stop.wait(pause):
            try:
                work()
            except NotNow:
                self._stop.wait(PAUSE)
            except Exception as error:
                self._faults.append(repr(error))
                return

    def stop(self) -> Told:
        """Stop and return what everybody was told."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for person in self._people:
            person.session.close()
        assert self._faults == []
        return self.told
