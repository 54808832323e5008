"""Impersonation: support sees an office's pages as one of its users does, and nothing changes."""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

import support.actions
import users.actions
from accounts.models import Provider, User
from audit.actors import Actor, EventOrigin, build_operator
from audit.models import Event
from authentication.models import UserSession
from core.access import ReauthenticationLevel
from oauth.models import Application
from outbox.models import Message
from permissions.checks import Right
from permissions.models import Employer, Team
from support import impersonation
from support.models import Impersonation
from tests.helpers import mfa as factors
from tests.helpers.invited_users import invite
from tests.helpers.login_methods import make_azure, make_service
from tests.helpers.users import actor, change_user, letter, make_support, make_user
from tests.loket.test_malformed_input import EVERY, address, read
from tests.support.test_permissions import action_arguments as action_arguments
from tests.support.test_permissions import call, list_actions
from users import suspension

pytestmark = pytest.mark.django_db
REASON = "Ziet het team niet, zaak 4712"
LATER = timedelta(minutes=30, seconds=1)
METHODS = ("get", "head", "post", "put", "patch", "delete", "options")
# With these arguments, the action has nothing to do.
DO_NOTHING = {
    "authentication.actions.authenticate_password", "authentication.mfa.actions.verify_recovery_code",
    "invitations.acceptance.check_code",
}  # fmt: skip
# Actions as the support user, which end the impersonation.
ENDS = {"support:stop_impersonation", "authentication:logout"}


def begin(client: Client, person: User) -> Any:
    return client.post(f"/admin/hulp/meekijken/{person.pk}/", {"reason": REASON})


@pytest.fixture
def impersonating_client(dora_client: Client, alice: User) -> Client:
    """The browser of dora, who impersonates alice."""
    assert begin(dora_client, alice)["Location"] == "/"
    return dora_client


def snapshot() -> dict[str, str]:
    """Return hashes of every table except those of sessions and attempt counters.

    That no session of the user is created is checked elsewhere.
    """
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table in ("django_session", "authentication_usersession", "core_throttle"):
                continue
            cursor.execute(f"SELECT count(*) || md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {table} t")
            found[table] = cursor.fetchone()[0]
    return found


def event(verb: str) -> Event:
    return Event.objects.get(verb=verb)


@pytest.mark.slow
def test_pages_are_shown_as_the_user_sees_them(impersonating_client: Client, alice: User, bob: User) -> None:
    page = impersonating_client.get("/gebruikers/").content.decode()
    assert "Bakker, B." in page
    assert "Je kijkt mee als A. de Vries van Administratiekantoor De Vries." in page
    assert 'class="impersonation-banner"' in page
    assert impersonating_client.get("/").context["user"] == alice
    for path in (f"/gebruikers/{bob.pk}/", "/teams/", "/kantoor/", "/historie/", "/signalen/", "/kantoor/koppelingen/"):
        response = impersonating_client.get(path)
        assert response.status_code == 200, path
        assert 'class="impersonation-banner"' in response.content.decode(), path


def test_support_sees_no_more_than_the_user(dora_client: Client, bob: User, charlie: User) -> None:
    begin(dora_client, bob)
    assert dora_client.get("/gebruikers/").status_code == 403
    assert dora_client.get(f"/gebruikers/{charlie.pk}/").status_code == 403
    assert dora_client.get("/").status_code == 200
    page = dora_client.get("/gebruikers/").content.decode()
    assert 'class="impersonation-banner"' in page


def test_another_office_does_not_exist(impersonating_client: Client, charlie: User) -> None:
    assert impersonating_client.get(f"/gebruikers/{charlie.pk}/").status_code == 404


def test_impersonation_is_recorded_and_mailed_afterwards(
    dora_client: Client, dora: User, office: Provider, alice: User, bob: User
) -> None:
    begin(dora_client, bob)
    started = event("look_started")
    assert (started.provider_id, started.actor_id, started.origin) == (office.pk, dora.pk, "support")
    assert (started.target_id, started.reason) == (bob.pk, REASON)
    assert not Message.objects.filter(kind="looked_along").exists()
    response = dora_client.post("/admin/hulp/meekijken/stoppen/")
    assert response["Location"] == f"/admin/accounts/user/{bob.pk}/"
    ended = event("look_ended")
    assert (ended.provider_id, ended.actor_id, ended.origin, ended.target_id, ended.reason) == (
        office.pk, dora.pk, "support", bob.pk, REASON
    )  # fmt: skip
    mail = Message.objects.get(kind="looked_along")
    assert mail.recipient == alice.email
    text = letter(mail)
    for word in ("D. Dekker", "B. Bakker", REASON, "/historie/", "/kantoor/"):
        assert word in text
    assert dora_client.post("/admin/hulp/meekijken/stoppen/")["Location"] == "/admin/"
    assert Event.objects.filter(verb="look_ended").count() == 1
    assert dora_client.get("/")["Location"] == "/admin/"


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_impersonation_without_a_reason_is_refused(reason: str, dora_client: Client, bob: User) -> None:
    response = dora_client.post(f"/admin/hulp/meekijken/{bob.pk}/", {"reason": reason})
    assert response.status_code == 200
    assert not Impersonation.objects.exists()


def test_support_users_are_not_impersonated(dora_client: Client, dora: User) -> None:
    other = make_support("egbert")
    assert begin(dora_client, other).status_code == 404
    by = Actor(EventOrigin.SUPPORT, dora.full_name, dora, reason=REASON, proof=ReauthenticationLevel.FIVE_MINUTES)
    with pytest.raises(PermissionDenied):
        impersonation.start_impersonation(other, session=None, by=by)


def insert(fields: dict[str, Any]) -> None:
    """Store an impersonation with plain SQL and check deferred constraints immediately."""
    with transaction.atomic(), connection.cursor() as cursor:
        Impersonation.objects.create(**fields, reason="x")
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_the_database_holds_who_looks_at_whom(office: Provider, alice: User, charlie: User, dora: User) -> None:
    for fields in (
        {"provider": office, "user": charlie, "supporter": dora},
        {"provider": office, "user": dora, "supporter": dora},
        {"provider": office, "user": alice, "supporter": charlie},
    ):
        with pytest.raises(IntegrityError):
            insert(fields)


def test_users_without_access_are_not_impersonated(dora_client: Client, alice: User, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(blocked_at=bob.created_at)
    assert begin(dora_client, bob).context["form"].has_error("__all__", "no_access")
    invited = invite(alice).invitation.user
    assert begin(dora_client, invited).context["form"].has_error("__all__", "no_access")
    assert "/meekijken/" not in dora_client.get(f"/admin/accounts/user/{bob.pk}/").content.decode()


@pytest.mark.parametrize("kind", ["azure", "webservice"])
def test_every_kind_of_person_is_looked_at(kind: str, dora_client: Client, office: Provider) -> None:
    person = make_azure(office) if kind == "azure" else make_service(office)
    begin(dora_client, person)
    assert dora_client.get("/").context["user"] == person


def test_an_office_switches_it_off(
    dora_client: Client, dora: User, alice_client: Client, alice: User, bob: User
) -> None:
    form = alice_client.get("/kantoor/").context["form"]
    assert form["support_may_look"].value() is True
    begin(dora_client, bob)
    assert dora_client.get("/").context["user"] == bob
    values = {"name": alice.provider.name, "invitation_days": 4, "version": form["version"].value()}
    assert alice_client.post("/kantoor/", values).status_code == 302
    assert event("provider_changed").changes == {"support_may_look": [True, False]}
    assert dora_client.get("/signalen/")["Location"] == "/admin/"
    assert event("look_ended").target_id == bob.pk
    assert begin(dora_client, bob).context["form"].has_error("__all__", "switched_off")
    assert "/meekijken/" not in dora_client.get(f"/admin/accounts/user/{bob.pk}/").content.decode()
    by = Actor(EventOrigin.SUPPORT, dora.full_name, dora, reason=REASON, proof=ReauthenticationLevel.FIVE_MINUTES)
    with pytest.raises(ValidationError):
        impersonation.start_impersonation(bob, session=None, by=by)


# What ends it.


def test_impersonation_ends_after_thirty_minutes(impersonating_client: Client) -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=29)):
        assert impersonating_client.get("/gebruikers/").status_code == 200
    with time_machine.travel(datetime.now(UTC) + LATER):
        assert impersonating_client.get("/gebruikers/")["Location"] == "/admin/"
        assert Impersonation.objects.get().ended_at == Impersonation.objects.get().until
        assert (
            impersonating_client.get("/gebruikers/").status_code == 403
        )  # a page of an office, and support is of none
    assert event("look_ended").reason == REASON
    assert Message.objects.filter(kind="looked_along").count() == 1


def test_the_worker_ends_abandoned_impersonations(impersonating_client: Client, alice: User) -> None:
    assert impersonation.end_expired_impersonations() == 0
    with time_machine.travel(datetime.now(UTC) + LATER):
        assert impersonation.end_expired_impersonations() == 1
        assert impersonation.end_expired_impersonations() == 0
    assert (event("look_ended").origin, event("look_ended").actor_id) == ("scheduled", None)
    assert Message.objects.get(kind="looked_along").recipient == alice.email


ENDINGS: dict[str, Callable[[User, User], object]] = {
    "the support account is closed": lambda dora, _alice: support.actions.close_support_user(
        dora, by=build_operator("test")
    ),
    "its sessions end": lambda dora, _alice: User.objects.filter(pk=dora.pk).update(session_version=9),
    "its session is not used": lambda dora, _alice: UserSession.objects.filter(user=dora).update(
        last_used_at=datetime.now(UTC) - timedelta(hours=2)
    ),
    "it logs out": lambda dora, _alice: [session.session.delete() for session in UserSession.objects.filter(user=dora)],
    "the person is blocked": lambda _dora, alice: User.objects.filter(pk=alice.pk).update(blocked_at=alice.created_at),
    "the office is closed": lambda _dora, alice: suspension.suspend_office(alice.provider, by=build_operator("test")),
    "the office switches it off": lambda _dora, alice: Provider.objects.update(support_may_look=False),
}


@pytest.mark.parametrize("what", ENDINGS)
def test_impersonation_ends_with_access(what: str, impersonating_client: Client, dora: User, alice: User) -> None:
    assert impersonating_client.get("/gebruikers/").status_code == 200
    ENDINGS[what](dora, alice)
    assert impersonating_client.get("/gebruikers/").status_code == 302
    impersonation.end_expired_impersonations()
    assert Event.objects.filter(verb="look_ended", target_id=alice.pk).count() == 1
    assert Impersonation.objects.get().ended_at is not None


def test_logging_out_ends_it(impersonating_client: Client) -> None:
    assert impersonating_client.post("/uitloggen/")["Location"] == "/inloggen/"
    assert impersonation.end_expired_impersonations() == 1
    assert event("signed_out").provider_id is None


def test_the_next_one_ends_the_one_before(impersonating_client: Client, bob: User) -> None:
    begin(impersonating_client, bob)
    assert impersonating_client.get("/").context["user"] == bob
    assert Impersonation.objects.filter(ended_at=None).count() == 1
    assert event("look_ended").target_name == "A. de Vries"


def test_impersonation_is_in_one_browser_only(impersonating_client: Client, dora: User) -> None:
    other = Client()
    other.force_login(dora)
    session = other.session
    session["otp_device_id"] = dora.authenticator_apps.get().persistent_id
    session.save()
    assert other.get("/gebruikers/").status_code in (302, 403)


def test_the_key_of_another_impersonation_opens_nothing(
    impersonating_client: Client, alice: User, bob_client: Client
) -> None:
    look = Impersonation.objects.get()
    session = bob_client.session
    session["look"] = str(look.pk)
    session.save()
    assert bob_client.get("/").context["user"].username == "bob"
    egbert = make_support("egbert")
    client = factors.signed_in(egbert, factors.give_app(egbert))
    session = client.session
    session["look"] = str(look.pk)
    session.save()
    assert client.get("/gebruikers/").status_code == 403


def test_impersonation_requires_a_recent_second_factor(impersonating_client: Client, bob: User) -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=6)):
        assert begin(impersonating_client, bob)["Location"].startswith("/bevestigen/")


# That nothing has changed.


@pytest.fixture
def office_rows(office: Provider, alice: User, bob: User) -> dict[str, Any]:
    """An office with one of everything."""
    invited = invite(alice)
    factors.give_app(bob)
    team = Team.objects.create(provider=office, name="Loon")
    return {
        "user": invited.invitation.user, "team": team, "bob": bob,
        "employer": Employer.objects.create(provider=office, number=1, name="Bakker"),
        "client": Application.objects.create(
            provider=office, name="Programma", redirect_uris="https://x.example/", scopes=["openid"]
        ),
    }  # fmt: skip


@pytest.mark.slow
def test_every_address_and_method_changes_nothing(
    dora_client: Client, alice: User, office_rows: dict[str, Any]
) -> None:
    """Every URL with a fitting ID; unsafe methods on an office's page are refused with a message."""
    begin(dora_client, alice)
    before = snapshot()
    for name, kinds in EVERY:
        id_ = next(
            (row.pk for word, row in office_rows.items() if word in name.partition(":")[2]), office_rows["user"].pk
        )
        for method in METHODS:
            if name in ENDS and method not in ("get", "head", "options"):
                continue
            response = getattr(dora_client, method)(address(name, kinds, id_))
            read(response)
            assert response.status_code < 500, (name, method)
            if method not in ("get", "head") and is_of_an_office(name):
                assert response.status_code == 403, (name, method)
                assert method == "options" or "Je kijkt alleen mee" in response.content.decode(), (name, method)
    assert snapshot() == before
    assert Impersonation.objects.get().is_ongoing()


def is_of_an_office(name: str) -> bool:
    """Return whether a URL is not only for support itself, or for its own actions."""
    return not name.startswith(("admin:", "support:")) and name not in ENDS | {
        "language",
        "authentication:extend_session",
    }


@pytest.mark.parametrize(
    "name",
    [
        "users:export_csv", "users:export_xlsx", "users:export_jsonl", "history:export_csv", "history:export_xlsx",
        "history:export_jsonl", "history:download_checkpoint", "teams:matrix_xlsx", "imports:result",
        "imports:faulty_rows", "users:profile", "users:change_email", "users:set_password", "users:generate_password",
        "users:generate_new_user_password", "oauth:renew_client_secret", "authentication:device_list",
        "authentication:add_app", "authentication:add_passkey", "authentication:generate_recovery_codes",
        "authentication:own_sessions", "authentication:change_password", "authentication:reauthenticate",
        "authentication:reauthenticate_microsoft",
    ],
)  # fmt: skip
def test_no_export_no_credential_and_no_secret(name: str, impersonating_client: Client, alice: User) -> None:
    kinds = dict(EVERY)[name]
    response = impersonating_client.get(address(name, kinds, alice.pk))
    assert response.status_code == 403
    assert "Je kijkt alleen mee" in response.content.decode()


def test_a_page_that_wants_to_change_something_is_refused_by_the_database(
    impersonating_client: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from loket import views

    def write(request: Any) -> dict[str, Any]:
        change_user(alice, last_name="Anders")
        return {}

    monkeypatch.setattr(views, "get_home_context", write)
    response = impersonating_client.get("/")
    assert response.status_code == 403
    assert "Je kijkt alleen mee" in response.content.decode()
    alice.refresh_from_db()
    assert alice.last_name == "Vries"
    monkeypatch.undo()
    assert impersonating_client.get("/").status_code == 200


def test_every_action_refuses_an_impersonating_user(alice: User, action_arguments: dict[str, Any]) -> None:
    by = Actor(
        EventOrigin.PAGE, alice.full_name, alice, is_impersonating=True, proof=ReauthenticationLevel.FIVE_MINUTES
    )
    before, done = snapshot(), set()
    for name, function in list_actions().items():
        with suppress(Exception):  # which error differs: some reject their arguments first
            with transaction.atomic():
                call(function, action_arguments, by)
            done.add(name)
    assert snapshot() == before, done
    assert done <= DO_NOTHING


def test_the_actor_of_a_page_carries_it(impersonating_client: Client, alice: User, office: Provider) -> None:
    request = impersonating_client.get("/gebruikers/").wsgi_request
    from audit.actors import build_page_actor

    by = build_page_actor(request, request.user)
    assert by.is_impersonating
    with pytest.raises(PermissionDenied):
        users.actions.change_provider(
            office, name="X", invitation_days=3, support_may_look=True, version=office.version, by=by
        )
    office.refresh_from_db()
    assert office.name != "X"


@pytest.mark.slow
def test_the_person_shows_no_trace_of_it(impersonating_client: Client, alice: User) -> None:
    def trace() -> object:
        return User.objects.filter(pk=alice.pk).values().get(), UserSession.objects.filter(user=alice).count()

    before = trace()
    for path in ("/", "/gebruikers/", "/signalen/", "/historie/"):
        impersonating_client.get(path)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=10)):
        impersonating_client.get("/")
    assert trace() == before
    assert not Event.objects.filter(actor_id=alice.pk).exists()
    assert UserSession.objects.get().user.is_support


@pytest.mark.slow
def test_support_goes_on_as_itself_in_its_own_pages(impersonating_client: Client, bob: User) -> None:
    assert impersonating_client.get("/admin/").status_code == 200
    assert impersonating_client.get(f"/admin/accounts/user/{bob.pk}/").status_code == 200
    impersonating_client.post(f"/admin/hulp/blokkeren/{bob.pk}/", {"reason": REASON})
    bob.refresh_from_db()
    assert bob.blocked_at is not None
    assert event("user_blocked").origin == "support"
    impersonating_client.post("/taal/", {"language": "en", "next": "/"})
    assert "You are impersonating" in impersonating_client.get("/").content.decode()


def test_other_users_cannot_end_it(impersonating_client: Client, alice: User, dora: User) -> None:
    look = Impersonation.objects.get()
    egbert = make_support("egbert")
    factors.give_app(egbert)
    for by in (
        actor(alice),
        actor(dora),
        Actor(EventOrigin.SUPPORT, "x", egbert, reason=REASON, proof=ReauthenticationLevel.FIVE_MINUTES),
    ):
        with pytest.raises(PermissionDenied):
            impersonation.end_impersonation(look, by=by)


def test_only_support_with_a_factor_begins(dora: User, alice: User, bob: User, bob_client: Client) -> None:
    assert begin(bob_client, alice).status_code == 404
    for by in (
        actor(alice),
        actor(dora),
        Actor(EventOrigin.SUPPORT, "x", alice, reason=REASON, proof=ReauthenticationLevel.FIVE_MINUTES),
    ):
        with pytest.raises(PermissionDenied):
            impersonation.start_impersonation(bob, session=None, by=by)
    assert not Impersonation.objects.exists()


def test_the_banner_is_no_one_else_s(alice_client: Client) -> None:
    assert "impersonation-banner" not in re.findall(r'class="([a-z-]+)"', alice_client.get("/").content.decode())
    assert reverse("support:stop_impersonation") not in alice_client.get("/").content.decode()


def test_a_person_whose_rights_rest_shows_that(dora_client: Client, office: Provider) -> None:
    person = make_user(office, Right.VIEW_USERS, username="rust", two_factor_required=True)
    begin(dora_client, person)
    assert dora_client.get("/gebruikers/").status_code == 403
