"""Looking along: support sees an office's pages as one of its people does, and nothing at all comes of it."""

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

import accounts.actions
import support.actions
from accounts import closing
from accounts.models import Provider, User
from audit.actors import Actor, Origin, Proof, operator
from audit.models import Event
from outbox.models import Message
from signin.models import OpenSession
from support import looking
from support.models import Look
from teams.models import Employer, Team
from teams.rights import Right
from tests import factors
from tests.invited import invite
from tests.kinds import make_azure, make_service
from tests.people import actor, letter, make_support, make_user
from tests.test_loket_bad_input import EVERY, address, read
from tests.test_support_rights import actions, call
from tests.test_support_rights import things as things
from webservice.models import Application

pytestmark = pytest.mark.django_db
REASON = "Ziet het team niet, zaak 4712"
LATER = timedelta(minutes=30, seconds=1)
METHODS = ("get", "head", "post", "put", "patch", "delete", "options")
# With what they are given here there is nothing to do.
DO_NOTHING = {
    "signin.actions.prove", "signin.actions.settling",
    "signin.factors.actions.try_recovery_code", "invitations.accepting.try_code",
}  # fmt: skip
# What is done as oneself, and ends the look.
ENDS = {"support:stop_looking", "signin:logout"}


def begin(client: Client, person: User) -> Any:
    return client.post(f"/admin/hulp/meekijken/{person.pk}/", {"reason": REASON})


@pytest.fixture
def along(doras: Client, alice: User) -> Client:
    """The browser of dora, who looks along with alice."""
    assert begin(doras, alice)["Location"] == "/"
    return doras


def snapshot() -> dict[str, str]:
    """Return what is in every table but those of sessions and of the counters of tries, hashed.

    That nothing is known of a session of the person, is asked elsewhere.
    """
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table in ("django_session", "signin_opensession", "signin_throttle"):
                continue
            cursor.execute(f"SELECT count(*) || md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {table} t")
            found[table] = cursor.fetchone()[0]
    return found


def event(verb: str) -> Event:
    return Event.objects.get(verb=verb)


def test_it_shows_the_pages_as_the_person_sees_them(along: Client, alice: User, bob: User) -> None:
    page = along.get("/gebruikers/").content.decode()
    assert "Bakker, B." in page
    assert "Je kijkt mee als A. de Vries van Administratiekantoor De Vries." in page
    assert 'class="impersonation-banner"' in page
    assert along.get("/").context["user"] == alice
    for path in (f"/gebruikers/{bob.pk}/", "/teams/", "/kantoor/", "/historie/", "/signalen/", "/kantoor/koppelingen/"):
        response = along.get(path)
        assert response.status_code == 200, path
        assert 'class="impersonation-banner"' in response.content.decode(), path


def test_it_sees_no_more_than_the_person(doras: Client, bob: User, charlie: User) -> None:
    begin(doras, bob)
    assert doras.get("/gebruikers/").status_code == 403
    assert doras.get(f"/gebruikers/{charlie.pk}/").status_code == 403
    assert doras.get("/").status_code == 200
    page = doras.get("/gebruikers/").content.decode()
    assert 'class="impersonation-banner"' in page


def test_another_office_does_not_exist(along: Client, charlie: User) -> None:
    assert along.get(f"/gebruikers/{charlie.pk}/").status_code == 404


def test_it_stands_in_the_history_and_is_mailed_afterwards(
    doras: Client, dora: User, office: Provider, alice: User, bob: User
) -> None:
    begin(doras, bob)
    started = event("look_started")
    assert (started.provider_id, started.actor_id, started.origin) == (office.pk, dora.pk, "support")
    assert (started.target_id, started.reason) == (bob.pk, REASON)
    assert not Message.objects.filter(kind="looked_along").exists()
    response = doras.post("/admin/hulp/meekijken/stoppen/")
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
    assert doras.post("/admin/hulp/meekijken/stoppen/")["Location"] == "/admin/"
    assert Event.objects.filter(verb="look_ended").count() == 1
    assert doras.get("/")["Location"] == "/admin/"


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_it_asks_why(reason: str, doras: Client, bob: User) -> None:
    response = doras.post(f"/admin/hulp/meekijken/{bob.pk}/", {"reason": reason})
    assert response.status_code == 200
    assert not Look.objects.exists()


def test_nobody_of_support_is_looked_at(doras: Client, dora: User) -> None:
    other = make_support("egbert")
    assert begin(doras, other).status_code == 404
    by = Actor(Origin.SUPPORT, dora.full_name, dora, reason=REASON, proof=Proof.FIVE_MINUTES)
    with pytest.raises(PermissionDenied):
        looking.start(other, session=None, by=by)


def insert(fields: dict[str, Any]) -> None:
    """Store a look behind everybody's back, and have the keys that wait for the commit checked now."""
    with transaction.atomic(), connection.cursor() as cursor:
        Look.objects.create(**fields, reason="x")
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_the_database_holds_who_looks_at_whom(office: Provider, alice: User, charlie: User, dora: User) -> None:
    for fields in (
        {"provider": office, "person": charlie, "helper": dora},
        {"provider": office, "person": dora, "helper": dora},
        {"provider": office, "person": alice, "helper": charlie},
    ):
        with pytest.raises(IntegrityError):
            insert(fields)


def test_whoever_has_no_access_is_not_looked_at(doras: Client, alice: User, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(blocked_at=bob.created_at)
    assert begin(doras, bob).context["form"].has_error("__all__", "no_access")
    invited = invite(alice).invitation.user
    assert begin(doras, invited).context["form"].has_error("__all__", "no_access")
    assert "/meekijken/" not in doras.get(f"/admin/accounts/user/{bob.pk}/").content.decode()


@pytest.mark.parametrize("kind", ["azure", "webservice"])
def test_every_kind_of_person_is_looked_at(kind: str, doras: Client, office: Provider) -> None:
    person = make_azure(office) if kind == "azure" else make_service(office)
    begin(doras, person)
    assert doras.get("/").context["user"] == person


def test_an_office_switches_it_off(doras: Client, dora: User, alices: Client, alice: User, bob: User) -> None:
    form = alices.get("/kantoor/").context["form"]
    assert form["support_may_look"].value() is True
    begin(doras, bob)
    assert doras.get("/").context["user"] == bob
    values = {"name": alice.provider.name, "invitation_days": 4, "version": form["version"].value()}
    assert alices.post("/kantoor/", values).status_code == 302
    assert event("provider_changed").changes == {"support_may_look": [True, False]}
    assert doras.get("/signalen/")["Location"] == "/admin/"
    assert event("look_ended").target_id == bob.pk
    assert begin(doras, bob).context["form"].has_error("__all__", "switched_off")
    assert "/meekijken/" not in doras.get(f"/admin/accounts/user/{bob.pk}/").content.decode()
    by = Actor(Origin.SUPPORT, dora.full_name, dora, reason=REASON, proof=Proof.FIVE_MINUTES)
    with pytest.raises(ValidationError):
        looking.start(bob, session=None, by=by)


# What ends it.


def test_it_ends_after_thirty_minutes(along: Client) -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=29)):
        assert along.get("/gebruikers/").status_code == 200
    with time_machine.travel(datetime.now(UTC) + LATER):
        assert along.get("/gebruikers/")["Location"] == "/admin/"
        assert Look.objects.get().ended_at == Look.objects.get().until
        assert along.get("/gebruikers/").status_code == 403  # a page of an office, and support is of none
    assert event("look_ended").reason == REASON
    assert Message.objects.filter(kind="looked_along").count() == 1


def test_the_worker_ends_what_nobody_comes_back_to(along: Client, alice: User) -> None:
    assert looking.end_over() == 0
    with time_machine.travel(datetime.now(UTC) + LATER):
        assert looking.end_over() == 1
        assert looking.end_over() == 0
    assert (event("look_ended").origin, event("look_ended").actor_id) == ("scheduled", None)
    assert Message.objects.get(kind="looked_along").recipient == alice.email


ENDINGS: dict[str, Callable[[User, User], object]] = {
    "the support account is closed": lambda dora, _alice: support.actions.end(dora, by=operator("test")),
    "its sessions end": lambda dora, _alice: User.objects.filter(pk=dora.pk).update(session_version=9),
    "its session is not used": lambda dora, _alice: OpenSession.objects.filter(user=dora).update(
        last_used_at=datetime.now(UTC) - timedelta(hours=2)
    ),
    "it logs out": lambda dora, _alice: [session.session.delete() for session in OpenSession.objects.filter(user=dora)],
    "the person is blocked": lambda _dora, alice: User.objects.filter(pk=alice.pk).update(blocked_at=alice.created_at),
    "the office is closed": lambda _dora, alice: closing.close(alice.provider, by=operator("test")),
    "the office switches it off": lambda _dora, alice: Provider.objects.update(support_may_look=False),
}


@pytest.mark.parametrize("what", ENDINGS)
def test_it_ends_when(what: str, along: Client, dora: User, alice: User) -> None:
    assert along.get("/gebruikers/").status_code == 200
    ENDINGS[what](dora, alice)
    assert along.get("/gebruikers/").status_code == 302
    looking.end_over()
    assert Event.objects.filter(verb="look_ended", target_id=alice.pk).count() == 1
    assert Look.objects.get().ended_at is not None


def test_logging_out_ends_it(along: Client) -> None:
    assert along.post("/uitloggen/")["Location"] == "/inloggen/"
    assert looking.end_over() == 1
    assert event("signed_out").provider_id is None


def test_the_next_one_ends_the_one_before(along: Client, bob: User) -> None:
    begin(along, bob)
    assert along.get("/").context["user"] == bob
    assert Look.objects.filter(ended_at=None).count() == 1
    assert event("look_ended").target_name == "A. de Vries"


def test_it_is_in_one_browser_only(along: Client, dora: User) -> None:
    other = Client()
    other.force_login(dora)
    session = other.session
    session["second_factor"] = "app"
    session.save()
    assert other.get("/gebruikers/").status_code in (302, 403)


def test_a_key_of_somebody_else_s_look_opens_nothing(along: Client, alice: User, bobs: Client) -> None:
    look = Look.objects.get()
    session = bobs.session
    session["look"] = str(look.pk)
    session.save()
    assert bobs.get("/").context["user"].username == "bob"
    egbert = make_support("egbert")
    client = factors.signed_in(egbert, factors.give_app(egbert))
    session = client.session
    session["look"] = str(look.pk)
    session.save()
    assert client.get("/gebruikers/").status_code == 403


def test_it_wants_the_factor_of_a_moment_ago(along: Client, bob: User) -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=6)):
        assert begin(along, bob)["Location"].startswith("/bevestigen/")


# That nothing comes of it.


@pytest.fixture
def world(office: Provider, alice: User, bob: User) -> dict[str, Any]:
    """An office with something of everything."""
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
def test_every_address_and_method_changes_nothing(doras: Client, alice: User, world: dict[str, Any]) -> None:
    """Walk over all of them, each with an id that fits; what is unsafe on a page of an office is refused in words."""
    begin(doras, alice)
    before = snapshot()
    for name, kinds in EVERY:
        id_ = next((row.pk for word, row in world.items() if word in name.partition(":")[2]), world["user"].pk)
        for method in METHODS:
            if name in ENDS and method not in ("get", "head", "options"):
                continue
            response = getattr(doras, method)(address(name, kinds, id_))
            read(response)
            assert response.status_code < 500, (name, method)
            if method not in ("get", "head") and is_of_an_office(name):
                assert response.status_code == 403, (name, method)
                assert method == "options" or "Je kijkt alleen mee" in response.content.decode(), (name, method)
    assert snapshot() == before
    assert Look.objects.get().goes_on()


def is_of_an_office(name: str) -> bool:
    """Return whether an address is not only for support itself, or what it does as itself."""
    return not name.startswith(("admin:", "support:")) and name not in ENDS | {"language", "signin:stay"}


@pytest.mark.parametrize(
    "name",
    [
        "accounts:export_csv", "accounts:export_xlsx", "accounts:export_jsonl", "audit:export_csv", "audit:export_xlsx",
        "audit:export_jsonl", "audit:checkpoint", "teams:matrix_sheet", "bulk:result", "bulk:faulty",
        "accounts:profile", "accounts:own_email", "accounts:set_password", "accounts:generate_password",
        "accounts:new_webservice_password", "webservice:new_secret", "signin:factors", "signin:add_app",
        "signin:add_passkey", "signin:recovery_codes", "signin:own_sessions", "signin:password", "signin:confirm",
        "signin:confirm_microsoft",
    ],
)  # fmt: skip
def test_no_export_no_credential_and_no_secret(name: str, along: Client, alice: User) -> None:
    kinds = dict(EVERY)[name]
    response = along.get(address(name, kinds, alice.pk))
    assert response.status_code == 403
    assert "Je kijkt alleen mee" in response.content.decode()


def test_a_page_that_wants_to_change_something_is_refused_by_the_database(
    along: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from loket import views

    def write(request: Any) -> dict[str, Any]:
        User.objects.filter(pk=alice.pk).update(last_name="Anders")
        return {}

    monkeypatch.setattr(views, "at_home", write)
    response = along.get("/")
    assert response.status_code == 403
    assert "Je kijkt alleen mee" in response.content.decode()
    alice.refresh_from_db()
    assert alice.last_name == "Vries"
    monkeypatch.undo()
    assert along.get("/").status_code == 200


def test_every_action_refuses_whoever_looks_along(alice: User, things: dict[str, Any]) -> None:
    by = Actor(Origin.PAGE, alice.full_name, alice, only_looks=True, proof=Proof.FIVE_MINUTES)
    before, done = snapshot(), set()
    for name, function in actions().items():
        with suppress(Exception):  # which one differs: some find fault with what they are given first
            with transaction.atomic():
                call(function, things, by)
            done.add(name)
    assert snapshot() == before, done
    assert done <= DO_NOTHING


def test_the_actor_of_a_page_carries_it(along: Client, alice: User, office: Provider) -> None:
    request = along.get("/gebruikers/").wsgi_request
    from audit.actors import on_page

    by = on_page(request, request.user)
    assert by.only_looks
    with pytest.raises(PermissionDenied):
        accounts.actions.change_provider(
            office, name="X", invitation_days=3, support_may_look=True, version=office.version, by=by
        )
    office.refresh_from_db()
    assert office.name != "X"


def test_the_person_shows_no_trace_of_it(along: Client, alice: User) -> None:
    def trace() -> object:
        return User.objects.filter(pk=alice.pk).values().get(), OpenSession.objects.filter(user=alice).count()

    before = trace()
    for path in ("/", "/gebruikers/", "/signalen/", "/historie/"):
        along.get(path)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=10)):
        along.get("/")
    assert trace() == before
    assert not Event.objects.filter(actor_id=alice.pk).exists()
    assert OpenSession.objects.get().user.is_support


def test_support_goes_on_as_itself_in_its_own_pages(along: Client, bob: User) -> None:
    assert along.get("/admin/").status_code == 200
    assert along.get(f"/admin/accounts/user/{bob.pk}/").status_code == 200
    along.post(f"/admin/hulp/blokkeren/{bob.pk}/", {"reason": REASON})
    bob.refresh_from_db()
    assert bob.blocked_at is not None
    assert event("user_blocked").origin == "support"
    along.post("/taal/", {"language": "en", "next": "/"})
    assert "You are impersonating" in along.get("/").content.decode()


def test_nobody_else_ends_it(along: Client, alice: User, dora: User) -> None:
    look = Look.objects.get()
    egbert = make_support("egbert")
    factors.give_app(egbert)
    for by in (actor(alice), actor(dora), Actor(Origin.SUPPORT, "x", egbert, reason=REASON, proof=Proof.FIVE_MINUTES)):
        with pytest.raises(PermissionDenied):
            looking.end(look, by=by)


def test_only_support_with_a_factor_begins(dora: User, alice: User, bob: User, bobs: Client) -> None:
    assert begin(bobs, alice).status_code == 404
    for by in (actor(alice), actor(dora), Actor(Origin.SUPPORT, "x", alice, reason=REASON, proof=Proof.FIVE_MINUTES)):
        with pytest.raises(PermissionDenied):
            looking.start(bob, session=None, by=by)
    assert not Look.objects.exists()


def test_the_banner_is_no_one_else_s(alices: Client) -> None:
    assert "impersonation-banner" not in re.findall(r'class="([a-z-]+)"', alices.get("/").content.decode())
    assert reverse("support:stop_looking") not in alices.get("/").content.decode()


def test_a_person_whose_rights_rest_shows_that(doras: Client, office: Provider) -> None:
    person = make_user(office, Right.VIEW_USERS, username="rust", two_factor_required=True)
    begin(doras, person)
    assert doras.get("/gebruikers/").status_code == 403
