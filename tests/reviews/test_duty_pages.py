"""The pages of segregation of duties: rules, conflicts, since when, and exceptions that two users give."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import teams.actions
from accounts.models import Provider, User
from audit.models import Event, Verb
from core.errors import EditConflict
from permissions.checks import Right
from permissions.duties import find_conflicts
from permissions.models import DutyExemption, DutyRule, Employer, TeamEmployer
from reviews import duties
from reviews.duty_history import find_conflict_starts
from reviews.duty_suggestions import SUGGESTIONS
from tests.helpers.import_files import INVITED, applied, team_of
from tests.helpers.users import actor, make_user, signed_in
from tests.permissions.test_duties import make_rule

pytestmark = pytest.mark.django_db
LIST = reverse("reviews:duty_list")
FORM = {
    "name": "Gebruikers en historie", "reason": "Controle", "level": "office", "severity": "refuse",
    "first": ["manage_users"], "first_all": "False", "second": ["view_audit"], "second_all": "False", "version": "0",
}  # fmt: skip


@pytest.fixture
def rule(office: Provider) -> DutyRule:
    return make_rule(office, [Right.MANAGE_USERS], [Right.VIEW_AUDIT], name="Beheer en controle")


@pytest.fixture
def carol(office: Provider) -> User:
    return make_user(office, Right.REVIEW_ACCESS, Right.VIEW_USERS, username="carol", email="carol@devries.example")


def url(name: str, *args: Any) -> str:
    return reverse(f"reviews:{name}", args=args)


def test_a_rule_is_made_changed_and_deleted(office: Provider, alice_client: Client) -> None:
    assert alice_client.post(url("create_rule"), FORM).status_code == 302
    rule = DutyRule.objects.get()
    assert (rule.first, rule.second, rule.provider) == (["manage_users"], ["view_audit"], office)
    changed = FORM | {"severity": "warn", "version": "1"}
    assert alice_client.post(url("edit_rule", rule.pk), changed).status_code == 302
    stale = alice_client.post(url("edit_rule", rule.pk), FORM | {"version": "1"})
    assert stale.context["form"].errors
    rule.refresh_from_db()
    assert (rule.severity, rule.version) == ("warn", 2)
    asked = alice_client.get(url("delete_rule", rule.pk)).context["form"].initial
    DutyRule.objects.update(version=3)
    alice_client.post(url("delete_rule", rule.pk), asked)
    alice_client.post(url("delete_rule", rule.pk))
    assert DutyRule.objects.exists(), "it changed since the question"
    alice_client.post(url("delete_rule", rule.pk), {"version": 3})
    verbs = Event.objects.filter(target_kind="dutyrule").order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["duty_rule_created", "duty_rule_changed", "duty_rule_deleted"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"first": []}, "first"),
        ({"second": ["manage_users", "view_audit"]}, "second"),
        ({"level": "employer"}, "level"),
        ({"first": ["verdwenen"]}, "first"),
        ({"level": "wereld"}, "level"),
        ({"name": "x" * 71}, "name"),
        ({"reason": ""}, "reason"),
    ],
)
def test_a_rule_without_sense_gets_an_error(alice_client: Client, changed: dict[str, Any], field: str) -> None:
    response = alice_client.post(url("create_rule"), FORM | changed)
    assert field in response.context["form"].errors
    assert not DutyRule.objects.exists()


def test_a_name_is_taken_once(rule: DutyRule, alice_client: Client) -> None:
    response = alice_client.post(url("create_rule"), FORM | {"name": rule.name.upper()})
    assert "name" in response.context["form"].errors


def test_suggestions_fill_the_form_until_there_is_such_a_rule(office: Provider, alice_client: Client) -> None:
    assert list(alice_client.get(LIST).context["suggestions"]) == list(SUGGESTIONS)
    for suggestion in SUGGESTIONS:
        page = alice_client.get(url("create_rule"), {"voorstel": suggestion.code})
        assert page.context["form"]["first"].initial == sorted(suggestion.first)
        duties.create_rule(office, suggestion.build_values(), by=actor())
    assert not alice_client.get(LIST).context["suggestions"]
    assert alice_client.get(url("create_rule"), {"voorstel": "niets"}).status_code == 200


def test_the_list_shows_who_conflicts_and_since_when(office: Provider, alice: User, bob: User, rule: DutyRule) -> None:
    teams.actions.set_individual_rights(bob, [Right.MANAGE_USERS], by=actor())
    DutyRule.objects.update(severity="warn")
    teams.actions.set_individual_rights(bob, [Right.MANAGE_USERS, Right.VIEW_AUDIT], by=actor())
    page = signed_in(alice).get(LIST)
    users = {row.user: row for row in page.context["rows"]}
    assert set(users) == {alice, bob}
    assert dict(page.context["rules"])[rule] == 2
    assert "Bakker, B." in page.text


def test_since_when_follows_the_history(office: Provider, alice: User) -> None:
    rule = make_rule(office, [Right.MANAGE_WAGES], [Right.VIEW_HRM], DutyRule.Level.EMPLOYER, severity="warn")
    _plan, (item,) = applied(office, INVITED)
    user = User.objects.get(pk=item["id"])
    employer = Employer.objects.create(provider=office, number=1, name="Bakker")
    team = teams.actions.create_team(office, name="Loon", by=actor())
    teams.actions.set_team_rights(team, [Right.MANAGE_WAGES], by=actor())
    teams.actions.change_members(team, add=[user], by=actor())
    teams.actions.set_individual_rights(user, [Right.VIEW_HRM], by=actor())

    def ask() -> Any:
        return find_conflict_starts(office.pk, [rule], [user.pk]).get((rule.pk, user.pk))

    assert ask() is None, "at no employer yet"
    teams.actions.change_employers(team, add=[employer], by=actor())
    assert find_conflicts(office.pk, [rule])
    first = Event.objects.filter(verb=Verb.TEAM_CHANGED).latest("pk")
    assert ask() == first.at
    teams.actions.set_team_rights(team, [Right.MANAGE_WAGES, Right.VIEW_EMPLOYER], by=actor())
    assert ask() == first.at, "without interruption"
    teams.actions.set_individual_rights(user, [], by=actor())
    assert ask() is None
    teams.actions.set_team_rights(team, [Right.MANAGE_WAGES, Right.VIEW_HRM], by=actor())
    assert ask() == Event.objects.filter(verb=Verb.TEAM_CHANGED).latest("pk").at


def ask_for(rule: DutyRule, user: User, by: User, **values: Any) -> DutyExemption:
    fields = {"reason": "Klein kantoor", "last_day": timezone.localdate() + timedelta(days=30)} | values
    return duties.request_exemption(rule, user, **fields, by=actor(by))


def test_two_users_give_an_exception(alice: User, carol: User, bob: User, rule: DutyRule) -> None:
    for right in (Right.MANAGE_USERS, Right.VIEW_AUDIT, Right.REVIEW_ACCESS):
        bob.individual_rights.create(provider=bob.provider, right=right)
    page = signed_in(alice)
    asked = {"reason": "Klein kantoor", "last_day": (timezone.localdate() + timedelta(days=30)).isoformat()}
    assert page.post(url("conflict", rule.pk, bob.pk), asked).status_code == 302
    row = DutyExemption.objects.get()
    for one in (alice, bob):
        assert signed_in(one).post(url("approve_exemption", row.pk)).status_code == 403
    assert not find_conflicts(rule.provider_id, [rule], [bob.pk])[0].is_exempt
    assert signed_in(carol).post(url("approve_exemption", row.pk)).status_code == 302
    assert find_conflicts(rule.provider_id, [rule], [bob.pk])[0].is_exempt
    page.post(url("end_exemption", row.pk))
    assert not find_conflicts(rule.provider_id, [rule], [bob.pk])[0].is_exempt
    verbs = Event.objects.filter(target_id=bob.pk).order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["duty_exemption_requested", "duty_exemption_approved", "duty_exemption_ended"]
    with pytest.raises(EditConflict):
        duties.approve_exemption(row, by=actor(carol))


def test_asking_twice_makes_one_request(alice: User, bob: User, carol: User, rule: DutyRule) -> None:
    """A double click; another reason, day or user makes another request, and so does asking after the end."""
    asked = ask_for(rule, bob, alice)
    assert ask_for(rule, bob, alice) == asked
    assert Event.objects.filter(verb=Verb.DUTY_EXEMPTION_REQUESTED).count() == 1
    assert ask_for(rule, bob, alice, reason="Vakantie") != asked
    assert ask_for(rule, bob, carol) != asked
    duties.end_exemption(asked, by=actor(carol))
    assert ask_for(rule, bob, alice) != asked


def test_a_request_whose_last_day_has_passed_is_not_approved(
    alice: User, bob: User, carol: User, rule: DutyRule
) -> None:
    row = ask_for(rule, bob, alice)
    DutyExemption.objects.update(until=timezone.localdate() - timedelta(days=1))
    page = signed_in(carol).post(url("approve_exemption", row.pk), follow=True)
    assert "De laatste dag van deze uitzondering is voorbij" in page.text
    assert "geldt nu" not in page.text
    row.refresh_from_db()
    assert row.approved_at is None


def test_deleting_a_rule_ends_its_exceptions_in_the_history(
    alice: User, bob: User, carol: User, rule: DutyRule
) -> None:
    duties.approve_exemption(ask_for(rule, bob, alice), by=actor(carol))
    duties.end_exemption(ask_for(rule, bob, alice, reason="Vakantie"), by=actor(carol))
    ask_for(rule, carol, alice)
    duties.delete_rule(rule, version=rule.version, by=actor(alice))
    assert not DutyExemption.objects.exists()
    for user, count in ((bob, 2), (carol, 1)):
        ended = Event.objects.filter(verb=Verb.DUTY_EXEMPTION_ENDED, target_id=user.pk)
        assert ended.count() == count, "each once"


def test_every_open_exception_can_be_reached(
    office: Provider, alice: User, bob: User, rule: DutyRule, django_assert_max_num_queries: Any
) -> None:
    """The oldest request of more than two hundred is on the last page, with as many queries as the first."""
    until = timezone.localdate() + timedelta(days=30)
    DutyExemption.objects.bulk_create(
        DutyExemption(provider=office, rule=rule, user=bob, reason=f"Nummer {n}", until=until) for n in range(252)
    )
    client, address, seen = signed_in(alice), LIST, list[str]()
    while address:
        with django_assert_max_num_queries(25):
            page = client.get(address)
        seen += [exemption.reason for exemption, _may_approve in page.context["exemptions"]]
        found = page.context["exemptions_pager"]["next_url"]
        address = found and LIST + found.partition("#")[0]
    assert len(seen) == len(set(seen)) == 252
    assert len(page.context["exemptions"]) == 2
    assert 'aria-label="Pagina’s met uitzonderingen"' in page.text
    assert page.context["exemptions_pager"]["previous_url"]


def test_an_exception_for_oneself_or_for_ever_is_refused(alice: User, bob: User, carol: User, rule: DutyRule) -> None:
    with pytest.raises(PermissionDenied):
        ask_for(rule, carol, carol)
    for days in (-1, 400):
        with pytest.raises(ValidationError):
            ask_for(rule, bob, alice, last_day=timezone.localdate() + timedelta(days=days))
    employer = Employer.objects.create(provider=rule.provider, number=1, name="Bakker")
    with pytest.raises(ValidationError):
        ask_for(rule, bob, alice, employer=employer)
    with pytest.raises(PermissionDenied):
        duties.approve_exemption(ask_for(rule, bob, alice), by=actor())


def test_an_exception_lets_the_change_through(alice: User, bob: User, carol: User, rule: DutyRule) -> None:
    duties.approve_exemption(ask_for(rule, bob, alice), by=actor(carol))
    teams.actions.set_individual_rights(bob, [Right.MANAGE_USERS, Right.VIEW_AUDIT], by=actor(alice))
    assert not Event.objects.filter(verb=Verb.DUTY_CONFLICT_ACCEPTED).exists()


def test_another_office_sees_and_changes_nothing(
    alice: User, carol: User, bob: User, rule: DutyRule, charlie_client: Client
) -> None:
    row = ask_for(rule, bob, alice)
    assert not charlie_client.get(LIST).context["rules"]
    for name, args in (("edit_rule", [rule.pk]), ("delete_rule", [rule.pk]), ("conflict", [rule.pk, alice.pk])):
        assert charlie_client.get(url(name, *args)).status_code == 404
    for name, args in (("edit_rule", [rule.pk]), ("delete_rule", [rule.pk])):
        assert charlie_client.post(url(name, *args), FORM).status_code == 404
    for name in ("approve_exemption", "end_exemption"):
        assert charlie_client.post(url(name, row.pk)).status_code == 404
        assert charlie_client.get(url(name, row.pk)).status_code == 405
    row.refresh_from_db()
    assert (row.approved_at, row.ended_at) == (None, None)


def test_each_page_has_its_right(carol: User, bob: User, alice: User, rule: DutyRule) -> None:
    row = ask_for(rule, bob, alice)
    for client, expected in ((signed_in(bob), 403), (signed_in(carol), 200)):
        assert client.get(LIST).status_code == expected
        assert client.get(url("conflict", rule.pk, alice.pk)).status_code == expected
    for client in (signed_in(bob), signed_in(carol)):
        for name, args in (("create_rule", []), ("edit_rule", [rule.pk]), ("delete_rule", [rule.pk])):
            assert client.get(url(name, *args)).status_code == 403
            assert client.post(url(name, *args), FORM).status_code == 403
    assert signed_in(bob).post(url("end_exemption", row.pk)).status_code == 403
    assert signed_in(carol).get(url("conflict", rule.pk, bob.pk)).status_code == 200, "before a change that is refused"


def test_the_user_the_matrix_and_the_explanation_say_so(
    office: Provider, alice: User, bob: User, carol: User, rule: DutyRule
) -> None:
    client = signed_in(alice)
    for right in (Right.MANAGE_USERS, Right.VIEW_AUDIT):
        bob.individual_rights.create(provider=office, right=right)
    assert rule.name in client.get(reverse("users:user_detail", args=[bob.pk])).text
    rows = client.get(reverse("teams:matrix")).context["rows"]
    assert {user.pk for user, _reason, _marks, in_conflict in rows if in_conflict} == {alice.pk, bob.pk}
    why = reverse("teams:explain_user_right", args=[bob.pk])
    assert [found is None for _rule, found in client.get(why, {"right": "view_audit"}).context["duties"]] == [False]
    assert client.get(why, {"right": "view_teams"}).context["duties"] == []
    bob.individual_rights.filter(right=Right.VIEW_AUDIT).delete()
    assert [found is None for _rule, found in client.get(why, {"right": "view_audit"}).context["duties"]] == [True]
    assert rule.name not in client.get(reverse("users:user_detail", args=[bob.pk])).text


def test_the_list_asks_as_many_queries_for_many(
    office: Provider, alice: User, rule: DutyRule, django_assert_max_num_queries: Any
) -> None:
    employer = Employer.objects.create(provider=office, number=1, name="Bakker")
    team = team_of(office, "Alles", Right.MANAGE_WAGES, Right.VIEW_HRM, Right.MANAGE_USERS, Right.VIEW_AUDIT)
    TeamEmployer.objects.create(provider=office, team=team, employer=employer)
    for number in range(4):
        make_rule(office, [Right.MANAGE_WAGES], [Right.VIEW_HRM], DutyRule.Level.EMPLOYER, name=f"R{number}")
    for number in range(60):
        user = make_user(office, username=f"u{number}", last_name=f"Jansen {number:02}")
        team.members.create(provider=office, user=user)
    client = signed_in(alice)
    client.get(LIST)
    with django_assert_max_num_queries(25):
        page = client.get(LIST)
    assert len(page.context["rows"]) == 50
    assert all(len(row.conflicts) >= 1 for row in page.context["rows"])
