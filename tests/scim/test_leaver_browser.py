"""The leaver drill: within a second of one call of a directory, everything that a leaver had open is refused."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from django.conf import settings as django_settings
from django.db import connection
from pytest_django.live_server_helper import LiveServer

from accounts.models import LoginMethod, User
from tests.helpers.access_tokens import bearing, token_of
from tests.helpers.api_client import VERSION
from tests.helpers.browser import chromium
from tests.helpers.users import signed_in
from tests.oauth.test_authorization_code import BACK, Partner, query
from tests.oauth.test_authorization_code import partner as partner
from tests.oauth.test_authorization_code import program as program
from tests.oauth.test_sso_tickets import ticket_for
from tests.scim.conftest import PATCH_SCHEMA, Directory, make_connection

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.slow]
SECONDS = 1.0  # from the call of the directory until the last refusal


class Leaver:
    """Programs of a user with tokens, a code and a ticket. Calls go over HTTP: a browser is in this thread."""

    def __init__(self, server: LiveServer, partner: Partner, user: User) -> None:
        self.url, self.partner = server.url, partner
        self.key, self.token = token_of(user), partner.fetch(partner.allow())
        self.code = query(partner.allow(prompt="consent"))["code"]
        self.user, self.ticket = user, ""
        self.http = requests.Session()
        self.http.trust_env = False

    def read(self, path: str, token: str) -> int:
        headers = {"Accept": VERSION, **bearing(token)}
        return self.http.get(self.url + path, headers=headers, timeout=60).status_code

    def ask_for_ticket(self) -> None:
        """Get a ticket, which lives a minute, in a thread without the loop of the browser."""

        def ask() -> str:
            try:
                return ticket_for(self.user)
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as pool:
            self.ticket = pool.submit(ask).result()

    def open_ticket(self) -> int:
        """Look at the ticket, which does not use it up."""
        return self.http.get(self.url + self.ticket, timeout=60).status_code

    def get_token(self, **data: str) -> tuple[int, str]:
        answer = self.partner.raw("token", **data)
        return answer.status_code, answer.json().get("error", "")

    def list_attempts(self) -> dict[str, tuple[Callable[[], object], object]]:
        """Return each way in, with the answer that refuses it."""
        codes = {"code": self.code, "redirect_uri": BACK, "code_verifier": self.partner.verifier}
        refresh = {"grant_type": "refresh_token", "refresh_token": self.token["refresh_token"]}
        return {
            "API token": (lambda: self.read("/v2/user", self.key), 401),
            "access token": (lambda: self.read("/oauth/userinfo/", self.token["access_token"]), 401),
            "refresh token": (lambda: self.get_token(**refresh), (400, "invalid_grant")),
            "code": (lambda: self.get_token(grant_type="authorization_code", **codes), (400, "invalid_grant")),
            "ticket": (self.open_ticket, 404),
        }


def test_a_leaver_is_out_of_everything_within_a_second(
    live_server: LiveServer, partner: Partner, alice: User, bob: User, settings: Any
) -> None:
    leaver = Leaver(live_server, partner, bob)
    name = django_settings.SESSION_COOKIE_NAME
    session = signed_in(bob).cookies[name].value
    directory = Directory(make_connection(alice, LoginMethod.WEBSITE_SSO, name="Okta"))
    address = f"{live_server.url}{directory.root}/Users/{bob.pk}"
    operation = {"op": "Replace", "path": "active", "value": "False"}
    body = {"schemas": [PATCH_SCHEMA], "Operations": [operation]}
    with chromium() as browser:
        context = browser.new_context()
        context.add_cookies([{"name": name, "value": session, "url": live_server.url}])
        page = context.new_page()
        page.goto(f"{live_server.url}/profiel/")
        assert page.url == f"{live_server.url}/profiel/"
        for _warm_up in range(2):
            leaver.ask_for_ticket()
            begun = time.monotonic()
            page.reload(wait_until="commit")
            assert leaver.read("/v2/user", leaver.key) == 200
            assert leaver.read("/oauth/userinfo/", leaver.token["access_token"]) == 200
            assert leaver.open_ticket() == 200
            known = leaver.http.get(address, headers=bearing(directory.secret), timeout=60)
            assert known.json()["active"] is True
            usual = time.monotonic() - begun
        begun = time.monotonic()
        answer = leaver.http.patch(address, json=body, headers=bearing(directory.secret), timeout=60)
        page.reload(wait_until="commit")
        answers = {way: attempt() for way, (attempt, _refusal) in leaver.list_attempts().items()}
        taken = time.monotonic() - begun
        assert answer.status_code == 204
        assert page.url.startswith(f"{live_server.url}/inloggen/")
    assert answers == {way: refusal for way, (_attempt, refusal) in leaver.list_attempts().items()}
    assert taken < max(SECONDS, 4 * usual), "a busy machine makes every call wait"
