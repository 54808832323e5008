"""The leaver drill: one call of a directory ends an open browser, tokens and a ticket within a second."""

import time
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client

from accounts.models import LoginMethod, User
from tests.helpers.access_tokens import bearing
from tests.helpers.browser import chromium
from tests.helpers.users import signed_in
from tests.oauth.test_authorization_code import Partner
from tests.oauth.test_authorization_code import partner as partner
from tests.oauth.test_authorization_code import program as program
from tests.oauth.test_sso_tickets import ticket_for
from tests.scim.conftest import Directory, make_connection

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.slow]


def test_a_leaver_is_out_of_everything_within_a_second(
    live_server: Any, partner: Partner, alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # Playwright's loop runs in the thread of the test
    token, ticket = partner.fetch(partner.allow()), ticket_for(bob)
    name = django_settings.SESSION_COOKIE_NAME
    session = signed_in(bob).cookies[name].value
    directory = Directory(make_connection(alice, LoginMethod.WEBSITE_SSO, name="Okta"))
    with chromium() as browser:
        context = browser.new_context()
        context.add_cookies([{"name": name, "value": session, "url": live_server.url}])
        page = context.new_page()
        page.goto(f"{live_server.url}/profiel/")
        assert page.url.endswith("/profiel/")
        assert Client().get("/oauth/userinfo/", headers=bearing(token["access_token"])).status_code == 200
        started = time.perf_counter()
        directory.patch(bob.pk, {"op": "Replace", "path": "active", "value": "False"})
        page.reload()
        assert "/inloggen/" in page.url
        assert time.perf_counter() - started < 1
        answer = page.request.get(f"{live_server.url}/v2/user", headers=bearing(token["access_token"]))
        assert answer.status == 401
    assert Client().get("/oauth/userinfo/", headers=bearing(token["access_token"])).status_code == 401
    refreshed = partner.raw("token", grant_type="refresh_token", refresh_token=token["refresh_token"])
    assert (refreshed.status_code, refreshed.json()["error"]) == (400, "invalid_grant")
    assert Client().post(ticket).status_code == 404
