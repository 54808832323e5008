"""Simulated users who keep working while the database fails over, through the real web server.

Acknowledged changes are identified by the X-Request-ID of the response, which the event in the history also has.
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
PAUSE = 0.3  # seconds between two attempts of a user


class TryAgainLater(Exception):
    """The site asked to try again later."""


@dataclass
class Results:
    """The combined results of all simulated users."""

    acknowledged: list[str] = field(default_factory=list)  # ids of requests
    invited: list[str] = field(default_factory=list)  # addresses
    moments: list[float] = field(default_factory=list)  # of the acknowledged changes
    answers: Counter[str] = field(default_factory=Counter)
    unexpected: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def longest_silence(self, since: float) -> float:
        """Return the longest time in seconds between two acknowledged changes."""
        moments = [since, *sorted(moment for moment in self.moments if moment > since)]
        return max(later - earlier for earlier, later in pairwise(moments))


class SimulatedUser:
    """A user in a browser, who tries again when asked to."""

    def __init__(self, url: str, results: Results, username: str) -> None:
        self.url, self.results, self.username = url, results, username
        self.session = requests.Session()
        self.session.trust_env = False

    def get(self, path: str) -> str:
        """Return the text of a page without `<wbr>` tags. Raises TryAgainLater."""
        response = self._ask(lambda: self.session.get(self.url + path, timeout=TIMEOUT, allow_redirects=False))
        return response.text.replace("<wbr>", "")

    def change(self, path: str, **data: object) -> str:
        """Submit a form that changes something; return the redirect target. Raises TryAgainLater."""
        form = {"csrfmiddlewaretoken": self.session.cookies["csrftoken"], **data}
        response = self._ask(lambda: self.session.post(self.url + path, form, timeout=TIMEOUT, allow_redirects=False))
        if response.status_code != 302:
            with self.results.lock:
                self.results.unexpected.append(f"{response.status_code} {path}")
            raise TryAgainLater
        self.last_id = response.headers["X-Request-ID"]
        return response.headers["Location"]

    def acknowledge(self) -> None:
        """Record that the last change was acknowledged."""
        with self.results.lock:
            self.results.acknowledged.append(self.last_id)
            self.results.moments.append(time.monotonic())

    def _ask(self, request: Callable[[], requests.Response]) -> requests.Response:
        try:
            response = request()
        except requests.RequestException as error:
            with self.results.lock:
                self.results.unexpected.append(type(error).__name__)
            raise TryAgainLater from None
        plain = response.status_code == 503 and "Probeer het zo opnieuw" in response.text
        with self.results.lock:
            self.results.answers["plain 503" if plain else str(response.status_code)] += 1
            if response.status_code >= 500 and not plain:
                self.results.unexpected.append(f"{response.status_code} {response.text[:200]}")
        if response.status_code >= 500:
            raise TryAgainLater
        return response

    def sign_in(self) -> None:
        """Sign in."""
        self.session.cookies.clear()
        self.get("/inloggen/")
        self.change("/inloggen/", username=self.username, password=PASSWORD)
        self.acknowledge()


_numbers = count()


def invite(user: SimulatedUser) -> None:
    """Invite a new user."""
    email = f"p{next(_numbers)}@kantoor.example"
    path = "/gebruikers/nieuw/website/"
    text = {"subject": "Uitnodiging", "body": "Open {UitnodigingLink} voor {GeldigTot}."}
    on = user.change(path, initials="P.", last_name="Boer", email=email, **text)
    concept = re.search(r"concept=([0-9a-f-]+)", on)
    assert concept is not None
    answer = user.change(on, mobile_number="0612345678", concept=concept[1])
    if answer.startswith("/gebruikers/") and "nieuw" not in answer:
        user.acknowledge()
        with user.results.lock:
            user.results.invited.append(email)


def change_rights(user: SimulatedUser, team: str) -> None:
    """Change the rights of the team."""
    page = user.get(f"/teams/{team}/rechten/")
    version = re.search(r'name="version" value="(\d+)"', page)
    assert version is not None, page[:500]
    right = ("view_users", "view_teams")[int(version[1]) % 2]
    user.change(f"/teams/{team}/rechten/", rights=right, version=version[1], sure="1")
    user.acknowledge()


class Load:
    """Two browsers that invite users, one that changes rights, and one that signs in repeatedly."""

    def __init__(self, url: str, team: str) -> None:
        self.results, self._stop = Results(), Event()
        alice_client = [SimulatedUser(url, self.results, "alice") for _number in range(3)]
        for alice in alice_client:
            alice.sign_in()
        bob = SimulatedUser(url, self.results, "bob")
        works: list[tuple[Callable[[], None], float]] = [
            (lambda: invite(alice_client[0]), 0.2), (lambda: invite(alice_client[1]), 0.2),
            (lambda: change_rights(alice_client[2], team), 0.3), (bob.sign_in, 0.5),
        ]  # fmt: skip
        self._users, self._errors = [*alice_client, bob], list[str]()
        self._threads = [Thread(target=self._repeat, args=work) for work in works]
        for thread in self._threads:
            thread.start()

    def _repeat(self, work: Callable[[], None], pause: float) -> None:
        while not self._stop.wait(pause):
            try:
                work()
            except TryAgainLater:
                self._stop.wait(PAUSE)
            except Exception as error:
                self._errors.append(repr(error))
                return

    def stop(self) -> Results:
        """Stop and return the combined results."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for user in self._users:
            user.session.close()
        assert self._errors == []
        return self.results
