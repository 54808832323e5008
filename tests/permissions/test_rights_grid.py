"""The grid of rights: every right once, what a team gives, and nothing lost that cannot be changed."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from accounts.models import Provider, User
from permissions.catalog import Right
from permissions.models import Employer, IndividualRight, Team, TeamEmployer, TeamMember, TeamRight
from permissions.rights_grid import SUBJECT_GROUPS, GridContents, RightsField
from permissions.team_reach import find_covered_rights
from tests.helpers.users import make_user

pytestmark = pytest.mark.django_db


def list_rights() -> list[Right]:
    subjects = [subject for group in SUBJECT_GROUPS for subject in group.subjects]
    return [right for subject in subjects for right in (subject.view, subject.manage) if right is not None]


def test_every_right_is_in_one_group_of_its_level_and_audience() -> None:
    assert sorted(list_rights()) == sorted(Right)
    for group in SUBJECT_GROUPS:
        rights = [right for subject in group.subjects for right in (subject.view, subject.manage) if right]
        assert {right.ak_only for right in rights} == {group.ak_only}
        assert len({right.level for right in rights}) == 1


@pytest.mark.parametrize("language", ["nl", "en"])
def test_the_words_beside_a_box_are_part_of_its_name(language: str) -> None:
    """Who speaks to the computer says what is on the screen (WCAG 2.5.3)."""
    with override(language):
        for subject in (subject for group in SUBJECT_GROUPS for subject in group.subjects):
            if subject.verb and subject.manage:
                assert str(subject.verb).lower() in str(subject.manage.label).lower()


def render(givable: Any, contents: GridContents, value: Any) -> str:
    field = RightsField(label="Rechten")
    field.set_choices(givable, contents)
    return str(field.widget.render("rights", value, {"id": "id_rights"}))


def test_boxes_that_cannot_be_changed_are_not_sent() -> None:
    page = render([Right.VIEW_HRM], GridContents(frozenset({Right.VIEW_USERS})), ["view_users", "view_hrm"])
    assert re.findall(r'name="rights" value="(\w+)"', page) == ["view_hrm"]
    assert re.search(r'disabled checked aria-label="Raadplegen gebruikers AK"', page)
    assert page.count('type="checkbox"') == len(Right) + 4 + 2


def test_groups_without_rights_are_folded_unless_all_are() -> None:
    page = render(Right, GridContents(), ["view_hrm"])
    assert [" checked" in box for box in re.findall(r"<input[^>]*data-fold[^>]*>", page)] == [False, False, False, True]
    assert render(Right, GridContents(), []).count("data-fold checked") == 4


def make_team(office: Provider, user: User, number: int, *rights: Right) -> Team:
    team = Team.objects.create(provider=office, name=f"Team <{number}>")
    TeamMember.objects.create(provider=office, team=team, user=user)
    employer = Employer.objects.create(provider=office, number=number, name=f"Bakker {number}")
    TeamEmployer.objects.create(provider=office, team=team, employer=employer)
    TeamRight.objects.bulk_create(TeamRight(provider=office, team=team, right=right) for right in rights)
    return team


def test_a_right_of_a_team_is_covered_only_where_it_reaches_every_employer(office: Provider, bob: User) -> None:
    make_team(office, bob, 1, Right.VIEW_WAGES, Right.VIEW_BILLING)
    assert find_covered_rights(bob) == {Right.VIEW_WAGES, Right.VIEW_BILLING}
    second = make_team(office, bob, 2)
    assert find_covered_rights(bob) == {Right.VIEW_BILLING}
    TeamRight.objects.create(provider=office, team=second, right=Right.VIEW_WAGES)
    assert find_covered_rights(bob) == {Right.VIEW_WAGES, Right.VIEW_BILLING}


def test_an_administrator_needs_no_other_right_of_the_office(office: Provider) -> None:
    boss = make_user(office, Right.MANAGE_PROVIDER, username="boss")
    covered = find_covered_rights(boss)
    assert Right.VIEW_USERS in covered
    assert Right.MANAGE_PROVIDER not in covered
    assert Right.VIEW_BILLING not in covered


def test_the_page_of_a_user_shows_what_teams_give(alice_client: Client, bob: User, office: Provider) -> None:
    teams = [make_team(office, bob, number, Right.VIEW_WAGES, Right.VIEW_BILLING) for number in (1, 2)]
    IndividualRight.objects.create(provider=office, user=bob, right=Right.VIEW_HRM)
    page = alice_client.get(reverse("teams:user_rights", args=[bob.pk])).text
    assert 'value="view_wages"' not in page, "given everywhere: nothing to tick"
    assert re.search(
        r'class="stored">\s*<label><input type="checkbox" name="rights" value="view_hrm"[^>]* checked', page
    )
    assert f'href="{reverse("teams:team_detail", args=[teams[0].pk])}"' in page
    assert "Team &lt;1&gt;" in page
    assert "Team <1>" not in page
    assert page.count(">+1<") == 2


def test_without_view_teams_the_team_is_no_link(office: Provider, bob: User, client: Client) -> None:
    make_team(office, bob, 1, Right.VIEW_WAGES)
    viewer = make_user(office, Right.VIEW_USERS, username="kijker")
    client.force_login(viewer)
    page = client.get(reverse("teams:user_rights", args=[bob.pk])).text
    assert 'href="/teams/' not in page
    assert 'name="rights"' not in page
