"""The history of an office folds what one act did into one line."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import audit.actions
import teams.actions
import users.actions
from accounts.models import Provider, User
from audit.actors import Actor, build_job_actor, build_operator
from audit.models import Event, Verb
from core.ids import uuid7
from history.presenters import act_sentences
from imports.models import ImportJob
from tests.helpers.users import actor, make_user

pytestmark = pytest.mark.django_db
ACT = "0199-import"


@pytest.fixture
def by(alice: User) -> Actor:
    return replace(actor(alice), correlation_id=ACT)


@pytest.fixture
def colleagues(office: Provider) -> list[User]:
    return [make_user(office, username=f"user{number}", last_name=f"Nummer{number}") for number in range(12)]


@pytest.fixture
def imported(colleagues: list[User], by: Actor, bob: User) -> list[User]:
    """Users of an import that created ten users, changed two and invited three, while Bob logged in."""
    created, changed = colleagues[:10], colleagues[10:]
    audit.actions.record_many(Verb.USER_CREATED, [(user, {}) for user in created], by=by, provider_id=bob.provider_id)
    audit.actions.record(Verb.SIGNED_IN, bob, by=actor(bob), provider_id=bob.provider_id)
    audit.actions.record_many(Verb.USER_CHANGED, [(user, {}) for user in changed], by=by, provider_id=bob.provider_id)
    audit.actions.record_many(
        Verb.INVITATION_SENT, [(user, {}) for user in created[:3]], by=by, provider_id=bob.provider_id
    )
    return colleagues


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page))


def test_an_import_is_one_line_with_sums(alice_client: Client, imported: list[User]) -> None:
    page = alice_client.get("/historie/")
    assert len(page.context["rows"]) == 2
    shown = text_of(page.text)
    assert "A. de Vries importeerde 12 gebruikers: 10 aangemaakt, 2 gewijzigd." in shown
    assert "2 gebruikers gewijzigd" in shown
    assert "3 gebruikers uitgenodigd" in shown
    assert "Toon alle 15" in shown
    assert f'href="/historie/handeling/{ACT}/"' in page.text


def test_bulk_action_names_the_number(alice_client: Client, colleagues: list[User], by: Actor) -> None:
    for user in colleagues:
        users.actions.block_user(user, by=by)
    assert "A. de Vries blokkeerde 12 gebruikers." in text_of(alice_client.get("/historie/").text)


def test_act_with_one_main_event_keeps_its_sentence(alice_client: Client, bob: User, by: Actor) -> None:
    audit.actions.record(Verb.USER_CREATED, bob, by=by, provider_id=bob.provider_id)
    audit.actions.record(Verb.INVITATION_SENT, bob, by=by, provider_id=bob.provider_id)
    shown = text_of(alice_client.get("/historie/").text)
    assert "A. de Vries maakte het account van B. Bakker aan." in shown
    assert "uitnodiging verstuurd" in shown


@pytest.mark.parametrize("verb", list(Verb))
def test_every_verb_can_be_folded(alice_client: Client, bob: User, charlie: User, by: Actor, verb: Verb) -> None:
    audit.actions.record_many(verb, [(bob, {}), (bob, {}), (bob, {})], by=by, provider_id=bob.provider_id)
    (row,) = alice_client.get("/historie/").context["rows"]
    assert row.sentence.endswith(".")
    assert "%" not in row.sentence
    assert row.events == 3


def test_every_line_is_kept_in_the_address(alice_client: Client, imported: list[User]) -> None:
    page = alice_client.get("/historie/?view=lines&kind=user")
    assert len(page.context["rows"]) == 16
    assert '<input type="hidden" name="view" value="lines">' in page.text
    assert page.context["folded_query"] == "?kind=user"
    assert alice_client.get("/historie/?kind=user").context["lines_query"] == "?kind=user&view=lines"


def test_page_of_an_act_shows_its_events(alice_client: Client, imported: list[User]) -> None:
    page = alice_client.get(f"/historie/handeling/{ACT}/")
    assert len(page.context["rows"]) == 15
    assert "importeerde 12 gebruikers" in page.text
    assert "Nummer11" in page.text
    assert "B. Bakker" not in page.text


def test_long_act_is_paged(alice_client: Client, bob: User, by: Actor) -> None:
    audit.actions.record_many(Verb.USER_CHANGED, [(bob, {})] * 120, by=by, provider_id=bob.provider_id)
    url, count = f"/historie/handeling/{ACT}/", 0
    while url:
        context = alice_client.get(url).context
        count += len(context["rows"])
        url = context["next_url"] and f"/historie/handeling/{ACT}/{context['next_url']}"
    assert count == 120


def test_act_of_another_office_is_unknown(charlie_client: Client, imported: list[User]) -> None:
    assert charlie_client.get(f"/historie/handeling/{ACT}/").status_code == 404
    assert charlie_client.get("/historie/handeling/none/").status_code == 404
    assert not charlie_client.get("/historie/").context["rows"]


def test_page_of_an_act_needs_the_right(bob_client: Client, imported: list[User]) -> None:
    assert bob_client.get(f"/historie/handeling/{ACT}/").status_code == 403


def test_history_of_a_user_tells_what_the_act_did_to_that_user(alice_client: Client, imported: list[User]) -> None:
    (row,) = alice_client.get(f"/gebruikers/{imported[0].pk}/historie/").context["rows"]
    assert (row.events, "Nummer0" in row.sentence) == (2, True)


@pytest.mark.slow
def test_number_of_queries_is_fixed(alice_client: Client, office: Provider, alice: User, bob: User) -> None:
    def count_queries() -> int:
        alice_client.get("/historie/")
        with CaptureQueriesContext(connection) as queries:
            alice_client.get("/historie/")
        return len(queries)

    audit.actions.record(Verb.USER_CHANGED, bob, by=actor(alice), provider_id=office.pk)
    few = count_queries()
    for number in range(60):
        someone = replace(actor(alice), correlation_id=f"act-{number}")
        audit.actions.record_many(Verb.USER_CHANGED, [(bob, {}), (alice, {})], by=someone, provider_id=office.pk)
    teams.actions.create_team(office, name="Loon", by=actor(alice))
    assert count_queries() <= few + 2
    assert few < 18


def test_own_import_of_this_week_can_be_reverted(alice_client: Client, alice: User, imported: list[User]) -> None:
    values = {"provider": alice.office, "user": alice, "kind": ImportJob.Kind.USERS, "correlation_id": ACT}
    job = ImportJob.objects.create(
        **values, state=ImportJob.State.DONE, done_at=timezone.now(), encrypted_summary=b"", digest="",
        expires_at=timezone.now() + timedelta(days=1), name="medewerkers.xlsx",
    )  # fmt: skip
    assert f'href="/gebruikers/plan/{job.pk}/"' in alice_client.get("/historie/").text
    revert = {"kind": ImportJob.Kind.REVERT_USERS, "state": ImportJob.State.DONE, "done_at": timezone.now()}
    ImportJob.objects.create(**(values | revert | {"correlation_id": "x"}), undoes=job, encrypted_summary=b"")
    assert f'href="/gebruikers/plan/{job.pk}/"' not in alice_client.get("/historie/").text


def test_import_of_a_colleague_has_no_link(alice_client: Client, bob: User, imported: list[User]) -> None:
    ImportJob.objects.create(
        provider=bob.office, user=bob, kind=ImportJob.Kind.USERS, correlation_id=ACT, state=ImportJob.State.DONE,
        done_at=timezone.now(), encrypted_summary=b"", expires_at=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    assert "/gebruikers/plan/" not in alice_client.get("/historie/").text


def test_no_program_is_named_on_screens(alice_client: Client, bob: User) -> None:
    audit.actions.record(Verb.USER_BLOCKED, bob, by=build_operator("offices apply"), provider_id=bob.provider_id)
    audit.actions.record(Verb.INVITATION_EXPIRED, bob, by=build_job_actor("expire_x"), provider_id=bob.provider_id)
    for url in ("/historie/", "/historie/?view=lines", f"/gebruikers/{bob.pk}/historie/"):
        page = alice_client.get(url).text
        assert "manage.py" not in page
        assert "expire_x" not in page
    shown = text_of(alice_client.get("/historie/").text)
    assert "Loket blokkeerde B. Bakker." in shown
    assert "via opdrachtregel" in shown
    stored = Event.objects.get(verb=Verb.USER_BLOCKED)
    assert stored.actor_name == "manage.py offices apply"


def test_numbers_are_written_with_a_dot(office: Provider) -> None:
    assert act_sentences.format_count(10_000) == "10.000"


def test_correlation_ids_of_programs_fit_the_route(alice_client: Client, bob: User, alice: User) -> None:
    for correlation_id in (str(uuid7()), "f" * 36):
        someone = replace(actor(alice), correlation_id=correlation_id)
        audit.actions.record_many(Verb.USER_CHANGED, [(bob, {}), (bob, {})], by=someone, provider_id=bob.provider_id)
        assert alice_client.get(f"/historie/handeling/{correlation_id}/").status_code == 200


def test_every_line_is_counted_and_paged(alice_client: Client, alice: User, bob: User) -> None:
    events = [(bob, {"prefix": [None, str(number)]}) for number in range(60)]
    audit.actions.record_many(Verb.USER_CHANGED, events, by=actor(alice), provider_id=bob.provider_id)
    query = {"view": "lines", "verb": "user_changed"}
    first = alice_client.get("/historie/", query)
    assert "1–50 van 60" in first.text
    second = alice_client.get("/historie/" + first.context["next_url"])
    assert "51–60 van 60" in second.text
    assert "1–10 van 10" not in second.text
    assert "0 gevonden" in alice_client.get("/historie/", query | {"origin": "api"}).text
    assert "van 60" not in alice_client.get("/historie/", query | {"view": ""}).text  # acts are not counted


def test_htmx_gets_the_parts_that_a_filter_changes(alice_client: Client, alice: User, bob: User) -> None:
    audit.actions.record(Verb.USER_CHANGED, bob, by=actor(alice), provider_id=bob.provider_id)
    query = {"view": "lines", "verb": "user_changed", "since": "2026-01-02", "until": "2026-01-02", "origin": "<b>"}
    response = alice_client.get("/historie/", query, headers={"HX-Request": "true"})
    assert "<html" not in response.text
    assert response["HX-Push-Url"] == "/historie/?verb=user_changed&since=2026-01-02&until=2026-01-02&view=lines"
    for part in ('id="view-switch"', 'id="list-count"', 'id="pill-period" class="is-active"', 'id="clear-what"'):
        assert part in response.text
    pills = {pill.key: (pill.value, pill.clear_query) for pill in response.context["pills"]}
    assert pills["period"] == ("2 jan", "?verb=user_changed&view=lines")
    assert pills["what"][1] == "?since=2026-01-02&until=2026-01-02&view=lines"
    assert pills["origin"][0] == ""
    assert 'value="lines"' in alice_client.get("/historie/", query).text  # for a form without JavaScript


def test_a_line_unfolds_to_all_it_knows(alice_client: Client, alice: User, bob: User) -> None:
    changes = {"prefix": [None, "van"], "last_name": ["Bos", "Bosch"]}
    audit.actions.record(Verb.USER_CHANGED, bob, by=actor(alice), provider_id=bob.provider_id, changes=changes)
    line = alice_client.get("/historie/", {"view": "lines"}).text.split("<details>")[1].split("</details>")[0]
    summary, rest = line.split("</summary>")
    assert ("Voorvoegsel: – → van" in summary, "Bos → Bosch" in summary) == (False, True)
    assert ("Voorvoegsel: – → van" in rest, "Achternaam: Bos → Bosch" in rest) == (True, False)


def test_what_happened_several_times_in_a_row_is_one_line(alice_client: Client, alice: User, bob: User) -> None:
    for verb in (Verb.CODE_REJECTED, Verb.CODE_REJECTED, Verb.CODE_REJECTED, Verb.SIGNED_IN, Verb.CODE_REJECTED):
        audit.actions.record(verb, bob, by=actor(bob), provider_id=bob.provider_id)
    (_day, rows) = alice_client.get("/historie/").context["days"][0]
    assert [row.times for row in rows if "code" in row.sentence] == [1, 3]
    shown = text_of(alice_client.get("/historie/").text)
    assert f"3 keer sinds {rows[-1].first_clock}" in shown
    assert len(alice_client.get("/historie/?view=lines").context["rows"]) == 5, "every line is still there"


def test_changes_in_a_row_stay_lines_of_their_own(alice_client: Client, alice: User, bob: User) -> None:
    for city in ("Utrecht", "Almere"):
        changes = {"place_of_employment": [None, city]}
        audit.actions.record(Verb.USER_CHANGED, bob, by=actor(alice), provider_id=bob.provider_id, changes=changes)
    (_day, rows) = alice_client.get("/historie/").context["days"][0]
    assert [row.times for row in rows] == [1, 1]


def test_users_of_the_same_name_are_lines_of_their_own(alice_client: Client, bob: User) -> None:
    namesake = make_user(bob.office, username="namesake", initials=bob.initials, last_name=bob.last_name)
    for user in (bob, namesake):
        audit.actions.record(Verb.CODE_REJECTED, user, by=actor(user), provider_id=bob.provider_id)
    (_day, rows) = alice_client.get("/historie/").context["days"][0]
    assert rows[0].title == rows[1].title
    assert [row.times for row in rows] == [1, 1]
