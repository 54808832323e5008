"""The support pages: who has access, and that nothing on them is secret or editable."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

import authentication.actions
import authentication.microsoft.tenants
from accounts.models import ExternalTenant, Provider, User
from audit.models import Event
from authentication.models import AuthenticatorApp
from invitations.models import Invitation
from oauth.models import Application
from outbox import stats
from outbox.models import Message
from permissions.checks import SupportAction
from tests.helpers import mfa as factors
from tests.helpers.invited_users import NUMBER, invite, token_of
from tests.helpers.login_methods import make_azure, make_service
from tests.helpers.users import PASSWORD, actor, make_support, make_user
from tests.loket.test_malformed_input import EVERY, NASTY, address

pytestmark = pytest.mark.django_db
ADMIN = [(name, kinds) for name, kinds in EVERY if name.startswith(("admin:", "support:"))]
LISTS = [
    "oauth/application",
    "accounts/user",
    "accounts/provider",
    "accounts/externaltenant",
    "invitations/invitation",
    "outbox/message",
]


def in_browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def rows(office: Provider, alice: User) -> dict[str, Any]:
    """One row of each kind, by the name of its model."""
    tenant = ExternalTenant.objects.create(provider=office, name="De Vries", tenant_id=UUID(int=7))
    invited = invite(alice)
    message = Message.objects.filter(kind="invitation").get()
    return {
        "user": invited.invitation.user, "provider": office, "externaltenant": tenant,
        "invitation": invited.invitation, "message": message,
        "application": Application.objects.create(
            name="Loonportaal", redirect_uris="https://portaal.example/", scopes=["openid"], client_secret="ab" * 32
        ),
    }  # fmt: skip


def every_address(rows: dict[str, Any]) -> list[str]:
    """Return every URL under /admin/ for existing rows, listed here and not generated from the admin site."""
    found = [
        "/admin/",
        "/admin/wachtrij/",
        "/admin/accounts/",
        "/admin/outbox/",
        "/admin/invitations/",
        "/admin/oauth/",
    ]
    for path in LISTS:
        found += [f"/admin/{path}/", f"/admin/{path}/{rows[path.partition('/')[2]].pk}/"]
    people = [
        "twee-factor-resetten",
        "sessies-beeindigen",
        "blokkeren",
        "deblokkeren",
        "opnieuw-versturen",
        "intrekken",
    ]
    found += [f"/admin/hulp/{what}/{rows['user'].pk}/" for what in people]
    found += [f"/admin/hulp/{what}/{rows['provider'].pk}/" for what in ("kantoor-sluiten", "kantoor-heropenen")]
    program = rows["application"].pk
    found += [f"/admin/hulp/{what}/{program}/" for what in ("koppeling-uitzetten", "koppeling-aanzetten", "partner")]
    found += ["/admin/hulp/partner-maken/", f"/admin/hulp/partner/{program}/geheim/"]
    found += ["/admin/hulp/kantoor-maken/", f"/admin/hulp/meekijken/{rows['user'].pk}/"]
    return [*found, f"/admin/hulp/tenant-bevestigen/{rows['externaltenant'].pk}/"]


def test_the_addresses_of_the_tests_are_all_there_are(rows: dict[str, Any]) -> None:
    patterns = {re.sub(r"[0-9a-f-]{36}", "<id>", url) for url in every_address(rows)}
    patterns = {re.sub(r"/hulp/[a-z-]+/<id>/", "/hulp/<what>/<id>/", url) for url in patterns}
    patterns = {re.sub(r"^/admin/(accounts|outbox|invitations|oauth)/$", "/admin/<app>/", url) for url in patterns}
    # The login page, the button that ends impersonation, and two whose form is that of other buttons: impersonation and
    # the page of a partner.
    assert len(patterns) == len(ADMIN) - 4
    helps = set(re.findall(r"/hulp/([a-z-]+)/", " ".join(every_address(rows))))
    assert set(SupportAction.values) | {"partner-maken"} == helps


@pytest.mark.slow
@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ("stranger", "login"),
        ("alice", 404),
        ("bob", 404),
        ("charlie", 404),
        ("webservice", 404),
        ("azure", 404),
        ("support without factor", "enrol"),
        ("support that has not shown it", "show"),
        ("support that was ended", "login"),
        ("support", 200),
    ],
)
def test_who_gets_which_page(
    who: str,
    expected: object,
    rows: dict[str, Any],
    office: Provider,
    alice: User,
    bob: User,
    charlie: User,
    dora: User,
) -> None:
    if who in ("support", "support that has not shown it"):
        secret = factors.give_app(dora)
        client = factors.signed_in(dora, secret) if who == "support" else factors.make_half_signed_in_client(dora)
    else:
        ended = make_support("ended")
        client = in_browser(ended)
        User.objects.filter(pk=ended.pk).update(blocked_at=ended.created_at)
        people = {
            "alice": alice, "bob": bob, "charlie": charlie, "webservice": make_service(office),
            "azure": make_azure(office), "support without factor": dora,
        }  # fmt: skip
        if who in people:
            client = in_browser(people[who])
        elif who == "stranger":
            client = Client()
    before = Event.objects.count()
    for url in every_address(rows):
        for method in ("get", "post", "put", "delete"):
            response = getattr(client, method)(url)
            if method != "get" and who == "support":
                assert response.status_code in (200, 405), (url, method)  # 200: a button's form that is not filled in
            elif expected == "login" or (who == "support that has not shown it" and not response.wsgi_request.user.pk):
                assert response.status_code == 302, (url, method)
                assert response["Location"].startswith("/inloggen/"), (url, method)
            elif expected == "enrol":
                assert response["Location"].startswith("/profiel/twee-factor/"), (url, method)
            else:
                assert response.status_code == expected, (url, method)
    assert Event.objects.count() == before


def test_a_session_without_the_factor_is_redirected_to_it(dora: User, rows: dict[str, Any]) -> None:
    client = in_browser(dora)
    factors.give_app(dora)
    for url in every_address(rows):
        assert client.get(url)["Location"].startswith("/inloggen/code/")


def test_the_admin_site_has_our_own_login_page(dora_client: Client) -> None:
    assert Client().get("/admin/login/?next=/admin/")["Location"] == "/inloggen/?next=/admin/"
    assert Client().get("/admin/")["Location"] == "/inloggen/?next=%2Fadmin%2F"
    for url in (
        "logout",
        "password_change",
        "password_change/done",
        "autocomplete",
        "r/1/2",
        "accounts/user/1/delete",
        "accounts/user/1/history",
    ):
        assert dora_client.get(f"/admin/{url}/").status_code == 404, url
    assert dora_client.get("/")["Location"] == "/admin/"


def test_only_the_demo_goes_without_a_factor(settings: Settings, office: Provider) -> None:
    client = in_browser(make_support(two_factor_required=False))
    assert client.get("/admin/")["Location"].startswith("/profiel/twee-factor/")
    settings.LOKET_DEMO = True
    assert client.get("/admin/").status_code == 200


# The addresses that programs ask with tokens of their own, and the two where anybody may arrive: no page of an office.
FOR_PROGRAMS = {f"oauth:{name}" for name in (
    "openid_configuration", "server_metadata", "jwks", "authorize", "par", "token", "revoke", "introspect", "userinfo",
    "logout", "sso", "guide", "client_settings",
)}  # fmt: skip


ELSEWHERE = ("admin:", "support:", "outbox:", "invitations:", "authentication:", "demo:", "v2:", "scim_v2:")


@pytest.mark.slow
def test_no_page_of_an_office_opens_for_support(dora_client: Client, alice: User, rows: dict[str, Any]) -> None:
    own = {"home", "language", "users:profile", "users:confirm_email", "users:show_logo"}
    for name, kinds in EVERY:
        if name in own | FOR_PROGRAMS or name.startswith(ELSEWHERE):
            continue
        url = address(name, kinds, alice.pk)
        for method in (dora_client.get, dora_client.post):
            response = method(url)
            assert response.status_code == 403, name
            assert reverse("admin:index") in response.content.decode(), name
    for name in (
        "authentication:user_sessions",
        "authentication:end_user_sessions",
        "authentication:reset_mfa",
        "users:resend_invitation",
    ):
        assert dora_client.get(reverse(name, args=[alice.pk])).status_code == 403
    for name in (
        "authentication:device_list",
        "authentication:own_sessions",
        "authentication:change_password",
        "authentication:reauthenticate",
        "authentication:logout",
    ):
        assert dora_client.get(reverse(name)).status_code == 200
    assert dora_client.get("/profiel/")["Location"] == "/profiel/twee-factor/"


def test_support_sees_nothing_of_support(dora_client: Client, dora: User) -> None:
    other = make_support("egbert")
    for model in (User, ExternalTenant):
        assert not model.objects.visible_to(dora).exists()
    assert dora_client.get(f"/admin/accounts/user/{other.pk}/").status_code == 302
    assert dora_client.get(f"/admin/hulp/blokkeren/{other.pk}/").status_code == 404
    for text in ("egbert", str(other.pk), other.email, "Dekker"):
        assert other.email not in dora_client.get("/admin/accounts/user/", {"q": text}).content.decode().replace(
            f'"{text}"', ""
        )


@pytest.mark.slow
def test_nothing_secret_is_on_any_page(dora_client: Client, alice: User, rows: dict[str, Any]) -> None:
    factors.give_app(alice)
    authentication.actions.email_password_link(alice, by=actor())
    invitation: Invitation = rows["invitation"]
    app = AuthenticatorApp.objects.get(user=alice)
    secrets = [
        alice.password, invitation.token_hash, token_of(invitation), NUMBER, NUMBER[3:], PASSWORD,
        alice.password_resets.get().token_hash, bytes(app.encrypted_secret).hex(),
        bytes(invitation.encrypted_phone).hex(), "ab" * 32, str(bytes(app.encrypted_secret))[2:40],
        str(bytes(rows["message"].encrypted_body))[2:40],
    ]  # fmt: skip
    people = [f"/admin/accounts/user/{alice.pk}/", "/admin/outbox/message/?q=alice", "/admin/accounts/user/?q=alice"]
    for url in [*every_address(rows), *people]:
        page = dora_client.get(url).content.decode()
        for secret in secrets:
            assert secret not in page, url
        assert "argon2" not in page
        assert "uitnodiging/" not in page


@pytest.mark.parametrize("path", LISTS)
def test_no_filter_asks_for_what_is_not_shown(path: str, dora_client: Client, rows: dict[str, Any]) -> None:
    for lookup in (
        "password__startswith=argon2", "user__password__startswith=a", "token_hash__startswith=a", "provider__name=x",
        "encrypted_phone__isnull=1", "encrypted_body__isnull=0", "provider__users__password__startswith=a", "id__gt=0",
    ):  # fmt: skip
        assert dora_client.get(f"/admin/{path}/?{lookup}").status_code == 400, lookup
    assert dora_client.get(f"/admin/{path}/?o=1.2&_to_field=password").status_code in (200, 400)


@pytest.mark.slow
@pytest.mark.parametrize("path", LISTS)
def test_a_list_takes_any_input(path: str, dora_client: Client, rows: dict[str, Any]) -> None:
    for value in NASTY:
        for field in ("q", "p", "o", "all", "e", "_popup", "next"):
            assert dora_client.get(f"/admin/{path}/", {field: value}).status_code in (200, 302, 400)
    assert dora_client.get(f"/admin/{path}/niets/").status_code == 302


@pytest.mark.parametrize("path", LISTS)
def test_number_of_queries_does_not_grow_with_rows(path: str, dora_client: Client, alice: User) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            page = dora_client.get(f"/admin/{path}/").content.decode()
        assert "<tr" in page or "empty-state" in page
        return len(captured)

    invite(alice)
    ExternalTenant.objects.create(provider=alice.provider, name="Een", tenant_id=UUID(int=1))
    few = queries()
    for number in range(5):
        invite(alice, last_name=f"Boer{number}", email=f"b{number}@x.example")
        other = Provider.objects.create(name=f"Kantoor {number}")
        make_user(other, username=f"u{number}")
        ExternalTenant.objects.create(provider=other, name="Een", tenant_id=UUID(int=number + 2))
    assert queries() == few


def found(client: Client, text: str, path: str = "accounts/user") -> list[str]:
    page = client.get(f"/admin/{path}/", {"q": text}).content.decode()
    return re.findall(rf'<a href="/admin/{path}/([0-9a-f-]{{36}})/', page)


@pytest.mark.slow
def test_search_finds_users_of_every_office(dora_client: Client, alice: User, bob: User, charlie: User) -> None:
    boer = make_user(
        charlie.provider,
        initials="P.",
        prefix="de",
        last_name="Boer",
        username="Pée.de.Boer",
        email="P.Boer@Smit.example",
    )
    for text in (
        "boer", "Boer", "BOER", "Boer, P. de", "P. de Boer", "boer de p", "pée.de.boer", "PÉE.DE.BOER", "pée.d",
        "p.boer@smit.example", str(boer.pk), boer.pk.hex, f" {boer.pk} ",
    ):  # fmt: skip
        assert found(dora_client, text) == [str(boer.pk)], text
    for text in ("oer", "%", "_", "pe.boer@", "boer x", "\\"):
        assert found(dora_client, text) == [], text
    assert set(found(dora_client, "")) == {str(user.pk) for user in (alice, bob, charlie, boer)}


def test_search_finds_offices_tenants_invitations_and_messages(
    dora_client: Client, rows: dict[str, Any], charlie: User
) -> None:
    office, invited, tenant = rows["provider"], rows["user"], rows["externaltenant"]
    assert found(dora_client, "administratiekantoor de", "accounts/provider") == [str(office.pk)]
    assert found(dora_client, str(office.pk), "accounts/provider") == [str(office.pk)]
    for text in (str(tenant.tenant_id), str(office.pk), str(tenant.pk)):
        assert found(dora_client, text, "accounts/externaltenant") == [str(tenant.pk)]
    for text in (invited.email, "boer", str(rows["invitation"].pk)):
        assert found(dora_client, text, "invitations/invitation") == [str(rows["invitation"].pk)], text
    for text in (invited.email, str(invited.pk), str(rows["message"].pk)):
        assert found(dora_client, text, "outbox/message") == [str(rows["message"].pk)], text
    assert found(dora_client, "charlie", "outbox/message") == []


def test_the_number_of_an_sms_is_not_shown_nor_who_it_is_in_the_error(dora_client: Client, alice: User) -> None:
    invited = invite(alice)
    invited.post("send_code")
    sms = Message.objects.get(channel="sms")
    page = dora_client.get(f"/admin/outbox/message/{sms.pk}/").content.decode()
    assert NUMBER not in page
    assert invited.last_code() not in page


@pytest.mark.slow
def test_the_policy_stays_strict(dora_client: Client, rows: dict[str, Any]) -> None:
    for url in [*every_address(rows), "/admin/accounts/user/?q=x"]:
        response = dora_client.get(url)
        policy = response["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'self'" in policy
        page = response.content.decode()
        assert not re.search(r"<script(?![^>]*\ssrc=)(?![^>]*type=\"application/json\")", page), url
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=\"", page), url


def test_its_files_are_served(dora_client: Client) -> None:
    page = dora_client.get("/admin/accounts/user/").content.decode()
    files = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page))
    assert len(files) > 5
    for file in files:
        response = Client().get(file)
        assert response.status_code == 200, file
        response.close()


def test_moments_are_as_people_say_them(dora_client: Client, alice: User) -> None:
    page = dora_client.get(f"/admin/accounts/user/{alice.pk}/").content.decode()
    assert "None" not in page
    assert "+00:00" not in page
    assert "A. de Vries</h1>" in page


def test_what_was_sent_to_support_itself_is_not_among_the_messages(
    dora_client: Client, dora: User, alice: User
) -> None:
    authentication.actions.email_password_link(dora, by=actor())
    own = Message.objects.get(kind="password_link")
    assert found(dora_client, "", "outbox/message") == found(dora_client, str(own.pk), "outbox/message") == []
    assert dora_client.get(f"/admin/outbox/message/{own.pk}/").status_code == 302


def test_the_queue_says_what_lies_and_that_no_worker_runs(dora_client: Client, alice: User) -> None:
    def numbers() -> list[str]:
        return re.findall(r"<dd>\s*([^<\s]+[^<]*?)\s*</dd>", dora_client.get("/admin/wachtrij/").content.decode())

    invite(alice)  # and an e-mail about dora's app
    assert numbers() == ["2", "0", "–", "0", "0", "0"]
    assert "houdt het bij" in dora_client.get("/admin/wachtrij/").content.decode()
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=2)):
        assert numbers()[:2] == ["2", "2"]
        assert numbers()[2] != "–"
        assert "geen worker" in dora_client.get("/admin/wachtrij/").content.decode()
        Message.objects.filter(kind="invitation").update(state="failed", encrypted_body=None)
        assert numbers()[3:] == ["0", "1", "0"]
    with (
        time_machine.travel(datetime.now(UTC) + timedelta(days=1, minutes=1)),
        CaptureQueriesContext(connection) as seen,
    ):
        assert stats.get_outbox_stats().undeliverable == 0
    assert len(seen) == 2


@pytest.mark.slow
def test_pages_are_dutch(dora_client: Client, rows: dict[str, Any]) -> None:
    page = dora_client.get("/admin/").content.decode()
    assert "Gebruikers AK" in page
    assert "Kantoren" in page
    assert "Iemand van welk kantoor ook" in page
    for url in every_address(rows):
        text = re.sub(r"<[^>]+>", " ", dora_client.get(url).content.decode())
        assert not re.search(r"\b(Users|Providers|Messages|View|Search|Home|created|state|Reason)\b", text), url


@pytest.mark.slow
def test_nothing_is_written_in_the_log_of_the_admin(dora_client: Client, rows: dict[str, Any]) -> None:
    for url in every_address(rows):
        dora_client.get(url)
        dora_client.post(url, {"reason": "Gevraagd", "mobile_number": NUMBER})
    assert not LogEntry.objects.exists()


def test_a_tenant_that_support_proved_says_so(dora_client: Client, rows: dict[str, Any]) -> None:
    tenant = rows["externaltenant"]
    authentication.microsoft.tenants.confirm_tenant(tenant, by=actor(), how="support", reason="x")
    page = dora_client.get(f"/admin/accounts/externaltenant/{tenant.pk}/").content.decode()
    assert "ondersteuning" in page.lower() or "support" in page.lower()
    assert "/admin/hulp/" not in page


def test_an_office_leads_to_its_users(dora_client: Client, alice: User, bob: User, charlie: User) -> None:
    page = dora_client.get(f"/admin/accounts/provider/{alice.provider_id}/").content.decode()
    link = re.search(r'href="(/admin/accounts/user/\?q=[0-9a-f-]+)"', page)
    assert link is not None
    users = dora_client.get(link[1]).content.decode()
    assert all(str(user.pk) in users for user in (alice, bob))
    assert str(charlie.pk) not in users


def test_every_page_has_the_tag_and_the_menu_of_support(dora_client: Client, alice: User) -> None:
    for path in ("", "wachtrij/", "accounts/user/", f"accounts/user/{alice.pk}/", "accounts/"):
        page = dora_client.get(f"/admin/{path}").content.decode()
        assert '<body class="with-menu support">' in page
        assert '<span class="chip warning">Support</span>' in page
        assert 'href="/admin/outbox/message/"' in page
