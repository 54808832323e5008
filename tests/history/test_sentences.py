"""Every event is shown as a sentence, in both languages."""

import re

import pytest
from django.db import transaction
from django.test import Client
from django.utils import translation

import teams.actions
import teams.employers
import teams.sets
from accounts.models import Provider, User
from audit import encryption_keys
from audit.actions import record
from audit.actors import build_job_actor
from audit.changes import Changes
from audit.models import Event, Verb
from history.presenters import event_rows, sentences
from permissions.checks import Right
from permissions.models import AuthorizationSet
from tests.helpers.users import actor, make_user

pytestmark = pytest.mark.django_db
CHANGES: dict[str, Changes] = {
    Verb.RIGHTS_CHANGED: {"view_users": [None, "given"], "view_teams": ["given", None]},
    Verb.TEAMS_CHANGED: {"rights": [None, ["view_users"]], "Loon Noord": [None, "member"]},
    Verb.TEAM_CHANGED: {"view_users": [None, "given"]},
    Verb.SET_APPLIED: {"Loonverwerking": [None, "applied"]},
    Verb.NOTIFICATION_SET_APPLIED: {"a": [None, True], "Alles": [None, "applied"]},
    Verb.DUTY_CONFLICT_ACCEPTED: {"rules": [None, ["Loon en controle"]]},
    Verb.DUTY_EXEMPTION_REQUESTED: {"rules": [None, ["Loon en controle"]]},
    Verb.DUTY_EXEMPTION_APPROVED: {"rules": [None, ["Loon en controle"]]},
    Verb.DUTY_EXEMPTION_ENDED: {"rules": [None, ["Loon en controle"]]},
    Verb.EXPORTED: {"users": [None, {"form": "csv"}]},
    Verb.LOGIN_METHOD_CHANGED: {"login_method": ["website_sso", "azure_ad"]},
}


def sentence(event: Event) -> str:
    (row,) = event_rows.present_events([event])
    return row.sentence


@pytest.mark.parametrize("verb", list(Verb))
def test_every_verb_has_a_sentence_in_both_languages(office: Provider, alice: User, bob: User, verb: Verb) -> None:
    assert (verb in sentences._SENTENCES) != (verb in sentences._SENTENCE_BUILDERS)
    changes = CHANGES.get(verb, {"name": ["oud", "nieuw"]})
    told = {}
    for language in ("nl", "en"):
        for who in (alice, bob):
            with translation.override(language):
                event = record(verb, bob, by=actor(who), provider_id=office.pk, changes=changes)
                text = told[language, who.pk] = sentence(event)
            assert re.fullmatch(r"[^%…]+\.", text), text
            if "%(target)s" in str(sentences._SENTENCES.get(verb, "%(target)s")) and who == alice:
                assert "B. Bakker" in text
    assert told["nl", alice.pk] != told["en", alice.pk]
    assert told["nl", bob.pk] != told["en", bob.pk]


def last(verb: Verb) -> str:
    return sentence(Event.objects.filter(verb=verb).order_by("id").last())


def test_sentence_names_team_right_set_and_employer(office: Provider, alice: User, bob: User) -> None:
    by = actor(alice)
    team = teams.actions.create_team(office, name="Loon Noord", by=by)
    assert last(Verb.TEAM_CREATED) == "A. de Vries maakte team Loon Noord aan."
    teams.actions.change_members(team, add=[bob], by=by)
    assert last(Verb.TEAMS_CHANGED) == "A. de Vries zette B. Bakker in team Loon Noord."
    assert last(Verb.TEAM_CHANGED) == "A. de Vries zette in team Loon Noord: B. Bakker."
    teams.actions.set_team_rights(team, [Right.VIEW_USERS, Right.VIEW_WAGES], by=by)
    rights = f"“{Right.VIEW_USERS.label}”, “{Right.VIEW_WAGES.label}”"
    assert last(Verb.TEAM_CHANGED) == f"A. de Vries gaf iedereen in team Loon Noord het recht {rights}."
    eva = make_user(office, username="eva", initials="E.", last_name="Visser")
    teams.actions.change_members(team, add=[eva], by=by)
    assert last(Verb.TEAMS_CHANGED) == f"A. de Vries gaf E. Visser via team Loon Noord het recht {rights}."
    employer = teams.employers.create_employer(office, number=1001, name="Bakkerij Smit", by=by)
    teams.actions.change_employers(team, add=[employer], by=by)
    assert last(Verb.TEAM_CHANGED) == "A. de Vries laat team Loon Noord zijn leden bij 1001 Bakkerij Smit brengen."
    teams.actions.change_employers(team, remove=[employer], by=by)
    assert "1001 Bakkerij Smit" in last(Verb.TEAM_CHANGED)
    made = AuthorizationSet.objects.create(provider=office, name="Loonverwerking", codes=["view_hrm"])
    teams.sets.apply_set(made, eva, by=by)
    assert last(Verb.SET_APPLIED) == "A. de Vries paste de autorisatieset Loonverwerking toe op E. Visser."
    assert last(Verb.RIGHTS_CHANGED) == f"A. de Vries gaf E. Visser het individuele recht “{Right.VIEW_HRM.label}”."
    team.refresh_from_db()
    teams.actions.edit_team(team, name="Loon Zuid", two_factor_required=True, version=team.version, by=by)
    assert last(Verb.TEAM_CHANGED) == "A. de Vries laat team Loon Zuid om two-factor vragen."
    teams.actions.change_members(team, remove=[eva], by=by)
    assert (
        last(Verb.TEAMS_CHANGED) == f"A. de Vries haalde E. Visser uit team Loon Zuid, en daarmee het recht {rights}."
    )


def test_one_event_may_say_several_things(office: Provider, alice: User, bob: User) -> None:
    changes = CHANGES[Verb.RIGHTS_CHANGED]
    text = sentence(record(Verb.RIGHTS_CHANGED, bob, by=actor(alice), provider_id=office.pk, changes=changes))
    assert text.count("A. de Vries") == 2


def test_nothing_that_is_lacking_breaks_it(office: Provider, bob: User) -> None:
    with transaction.atomic():
        for verb in Verb:
            record(verb, bob, by=build_job_actor("x"), provider_id=office.pk)
    encryption_keys.destroy_keys(bob.pk)
    rows = event_rows.present_events(list(Event.objects.all()))
    assert len(rows) == len(Verb)
    assert not [row.sentence for row in rows if "Bakker" in row.sentence]


def test_a_name_with_a_percent_sign_is_no_placeholder(alice_client: Client, office: Provider, alice: User) -> None:
    teams.actions.create_team(office, name="50%(who)s <b>", by=actor(alice))
    assert "team 50%(who)s &lt;b&gt;" in alice_client.get("/historie/").text
