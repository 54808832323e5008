"""Support manages integrations of partners and offices, as `manage.py add_partner` does, with a reason."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client

import oauth.applications
from accounts.models import Provider, User
from audit.actors import Actor, EventOrigin, build_operator
from audit.models import Event
from core.access import ReauthenticationLevel
from core.errors import EditConflict
from oauth.applications import ApplicationDetails
from oauth.models import Application
from tests.helpers import mfa as factors
from tests.helpers.users import actor

pytestmark = pytest.mark.django_db
REASON = "Contract getekend, zaak 4713"
NEW = {
    "name": "Loonportaal", "redirect_uris": "https://portaal.example/terug", "post_logout_redirect_uris": "",
    "scopes": ["openid", "profile"], "version": "0", "reason": REASON,
}  # fmt: skip
DETAILS = ApplicationDetails(
    name="P", redirect_uris=["https://x.example/"], post_logout_redirect_uris=[], scopes=["openid"]
)


def add(client: Client, **data: Any) -> Any:
    return client.post("/admin/hulp/partner-maken/", NEW | data)


@pytest.fixture
def partner(db: None) -> Application:
    return oauth.applications.register_application(None, details=DETAILS, by=build_operator("test"))


@pytest.fixture
def own(office: Provider) -> Application:
    """An integration of the office itself."""
    return oauth.applications.register_application(office, details=DETAILS, by=build_operator("test"))


def only(verb: str, dora: User) -> Event:
    event = Event.objects.get(verb=verb, origin=EventOrigin.SUPPORT)
    assert (event.actor_id, event.reason) == (dora.pk, REASON)
    return event


def test_registered_partner_serves_every_office(dora_client: Client, dora: User) -> None:
    response = add(dora_client)
    partner = Application.objects.get(name="Loonportaal")
    assert response["Location"] == f"/admin/oauth/application/{partner.pk}/"
    assert (partner.provider, partner.scopes, partner.client_secret) == (None, ["openid", "profile"], "")
    assert only("client_added", dora).provider_id is None
    page = dora_client.get(f"/admin/oauth/application/{partner.pk}/").content.decode()
    for shown in ("Loonportaal", partner.client_id, "https://portaal.example/terug", "elk kantoor"):
        assert shown in page
    assert add(dora_client)["Location"] == response["Location"]  # submitting twice creates one
    assert add(dora_client, scopes=["openid"]).context["form"].has_error("name", "taken")
    assert Application.objects.filter(name="Loonportaal").count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""), ("redirect_uris", ""), ("redirect_uris", "http://evil.example/"), ("scopes", []), ("reason", " "),
        ("scopes", ["alles"]), ("redirect_uris", "javascript:alert(1)"), ("post_logout_redirect_uris", "x"),
    ],
)  # fmt: skip
def test_invalid_partner_is_refused(field: str, value: Any, dora_client: Client) -> None:
    assert add(dora_client, **{field: value}).context["form"].has_error(field)
    assert not Application.objects.filter(name="Loonportaal").exists()


def test_partner_is_changed(dora_client: Client, dora: User, partner: Application) -> None:
    url = f"/admin/hulp/partner/{partner.pk}/"
    assert dora_client.get(url).context["form"]["name"].value() == "P"
    changed = NEW | {"scopes": ["openid", "sso"], "version": str(partner.version)}
    changed |= {"backchannel_logout_uri": "https://portaal.example/uit"}
    assert dora_client.post(url, changed).status_code == 302
    partner.refresh_from_db()
    assert (partner.name, partner.scopes) == ("Loonportaal", ["openid", "sso"])
    assert partner.backchannel_logout_uri == "https://portaal.example/uit"
    assert only("client_changed", dora).changes["name"] == ["P", "Loonportaal"]
    assert dora_client.post(url, changed | {"name": "Te laat"}).context["form"].has_error("__all__", "stale")


def secret_in(response: Any) -> str:
    return str(response.context["secret"])


def make_secret(client: Client, partner: Application, hours: str = "24", **data: str) -> Any:
    url = f"/admin/hulp/partner/{partner.pk}/geheim/"
    form = client.get(url).context["form"]
    sent = {name: str(form[name].value()) for name in ("version", "encrypted_secret")}
    return client.post(url, sent | {"hours": hours, "reason": REASON} | data)


def test_a_secret_is_shown_once_and_the_old_one_works_for_the_chosen_time(
    dora_client: Client, dora: User, partner: Application
) -> None:
    first = secret_in(make_secret(dora_client, partner))
    partner.refresh_from_db()
    second = secret_in(make_secret(dora_client, partner, hours="168"))
    partner.refresh_from_db()
    assert partner.check_secret(first)
    assert partner.check_secret(second)
    with time_machine.travel(datetime.now(UTC) + timedelta(days=7, minutes=1)):
        assert not partner.check_secret(first)
        assert partner.check_secret(second)
    events = Event.objects.filter(verb="client_secret_made")
    assert {(event.actor_id, event.reason) for event in events} == {(dora.pk, REASON)}
    pages = [
        dora_client.get(f"/admin/{path}").content.decode()
        for path in (
            f"oauth/application/{partner.pk}/", "oauth/application/", f"hulp/partner/{partner.pk}/geheim/",
            f"hulp/partner/{partner.pk}/",
        )
    ]  # fmt: skip
    for text in [*pages, *[repr(vars(event)) for event in events]]:
        for hidden in (first, second, partner.client_secret, partner.previous_secret):
            assert hidden not in text
    assert "no-cache" in make_secret(dora_client, partner)["Cache-Control"]


def test_a_secret_asks_why(dora_client: Client, partner: Application) -> None:
    assert make_secret(dora_client, partner, reason="").context["form"].has_error("reason")
    partner.refresh_from_db()
    assert partner.client_secret == ""


@pytest.mark.parametrize("whose", ["partner", "own"])
def test_partner_is_turned_off_and_on(
    whose: str, dora_client: Client, dora: User, request: pytest.FixtureRequest
) -> None:
    application: Application = request.getfixturevalue(whose)
    page = dora_client.get(f"/admin/hulp/koppeling-uitzetten/{application.pk}/").content.decode()
    assert "0 gebruikers die het toestonden" in page
    for what, verb in (("uitzetten", "client_switched_off"), ("aanzetten", "client_switched_on")):
        for _twice in range(2):
            response = dora_client.post(f"/admin/hulp/koppeling-{what}/{application.pk}/", {"reason": REASON})
            assert response["Location"] == f"/admin/oauth/application/{application.pk}/"
        application.refresh_from_db()
        assert application.is_usable() == (what == "aanzetten")
        assert only(verb, dora).provider_id == application.provider_id
    assert dora_client.get("/admin/").status_code == 200


def test_what_is_an_office_s_own_it_only_switches(dora_client: Client, dora: User, own: Application) -> None:
    page = dora_client.get(f"/admin/oauth/application/{own.pk}/").content.decode()
    assert "koppeling-uitzetten" in page
    assert "/hulp/partner/" not in page
    for path in (f"partner/{own.pk}/", f"partner/{own.pk}/geheim/"):
        assert dora_client.get(f"/admin/hulp/{path}").status_code == 404
        assert dora_client.post(f"/admin/hulp/{path}", NEW).status_code == 404
    by = Actor(EventOrigin.SUPPORT, dora.full_name, dora, reason=REASON, proof=ReauthenticationLevel.FIVE_MINUTES)
    for act in (
        lambda: oauth.applications.update_application(own, details=DETAILS, version=own.version, by=by),
        lambda: oauth.applications.set_client_secret(own, secret="s", hours=1, version=own.version, by=by),
        lambda: oauth.applications.delete_application(own, by=by),
        lambda: oauth.applications.register_application(own.provider, details=DETAILS, by=by),
    ):
        with pytest.raises(PermissionDenied):
            act()


def test_the_built_in_one_is_out_of_reach(dora_client: Client, dora: User) -> None:
    built_in = Application.objects.get_built_in()
    assert dora_client.get(f"/admin/oauth/application/{built_in.pk}/").status_code == 302
    assert f"/{built_in.pk}/" not in dora_client.get("/admin/oauth/application/").content.decode()
    for path in (f"partner/{built_in.pk}/", f"koppeling-uitzetten/{built_in.pk}/"):
        assert dora_client.post(f"/admin/hulp/{path}", {"reason": REASON}).status_code == 404
    by = Actor(EventOrigin.SUPPORT, dora.full_name, dora, reason=REASON, proof=ReauthenticationLevel.FIVE_MINUTES)
    with pytest.raises(EditConflict):
        oauth.applications.set_application_enabled(built_in, enabled=False, by=by)


def test_only_support_and_the_operator_change_a_partner(alice: User, dora: User, partner: Application) -> None:
    silent = Actor(EventOrigin.SUPPORT, dora.full_name, dora, reason=" ", proof=ReauthenticationLevel.FIVE_MINUTES)
    for by in (
        actor(alice),
        actor(dora),
        silent,
        Actor(EventOrigin.SUPPORT, "x", alice, reason=REASON, proof=ReauthenticationLevel.FIVE_MINUTES),
    ):
        for act in (
            lambda by=by: oauth.applications.register_application(None, details=DETAILS, by=by),
            lambda by=by: oauth.applications.set_application_enabled(partner, enabled=False, by=by),
            lambda by=by: oauth.applications.set_client_secret(partner, secret="s", hours=1, version=1, by=by),
        ):
            with pytest.raises(PermissionDenied):
                act()


def test_partner_is_found(dora_client: Client, partner: Application, own: Application, office: Provider) -> None:
    def found(text: str) -> set[str]:
        page = dora_client.get("/admin/oauth/application/", {"q": text}).content.decode()
        return {name for name, one in (("partner", partner), ("own", own)) if str(one.pk) in page}

    assert found("p") == {"partner", "own"}
    assert found(partner.client_id) == found(str(partner.pk)) == {"partner"}
    assert found(str(office.pk)) == {"own"}
    assert found("zz") == set()


@pytest.mark.django_db(transaction=True)
def test_a_double_click_registers_one(dora: User) -> None:
    client = factors.signed_in(dora, factors.give_app(dora))
    start = threading.Barrier(2)

    def run() -> None:
        start.wait()
        other = Client()
        other.cookies = client.cookies
        add(other)
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Application.objects.filter(name="Loonportaal").count() == 1
    assert Event.objects.filter(verb="client_added").count() == 1
