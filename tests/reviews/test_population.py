"""The population that a campaign freezes: everybody and every path, as an independent evaluator finds them."""

from collections import Counter
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import LoginMethod, Provider, User
from audit import verify, verify_review
from audit.models import ChainLink, Event, Verb
from core import db_roles
from history import point_in_time
from oauth.models import Application, Consent, OfficeAccess, OfficeAccessTeam
from permissions.catalog import Right
from permissions.models import Employer, IndividualRight, Team, TeamEmployer, TeamMember, TeamRight
from reviews import campaigns, decisions
from reviews.models import Campaign, Decision, ReviewedTeam, ReviewedUser, ReviewItem
from tests.helpers.random_histories import RandomHistory
from tests.helpers.random_offices import make_random_office
from tests.helpers.reviews import make_campaign, start
from tests.helpers.users import actor, make_user

pytestmark = pytest.mark.django_db


def frozen_paths(campaign: Campaign) -> Counter[tuple[Any, ...]]:
    rows = ReviewItem.objects.filter(campaign=campaign).select_related("subject")
    return Counter((row.subject.person_id, row.kind, row.object_id or row.code, *row.rights) for row in rows)


def expected_paths(office: Provider) -> Counter[tuple[Any, ...]]:
    """Read the rows, in plain Python, without the SQL of the grants."""
    rights: dict[UUID, list[str]] = {team.pk: [] for team in Team.objects.filter(provider=office)}
    for row in TeamRight.objects.filter(provider=office):
        rights[row.team_id].append(row.right)
    found = Counter(
        (row.user_id, "team", row.team_id, *sorted(rights[row.team_id]))
        for row in TeamMember.objects.filter(provider=office)
    )
    found.update(
        (row.user_id, "right", row.right, row.right) for row in IndividualRight.objects.filter(provider=office)
    )
    consents = Consent.objects.filter(provider=office)
    found.update((row.user_id, "integration", row.application_id, *row.scopes) for row in consents)
    return found


@pytest.mark.parametrize("seed", range(8))
def test_the_population_is_what_an_independent_evaluator_finds(alice: User, seed: int) -> None:
    random_office = make_random_office(Random(seed), users=12, teams=6)  # noqa: S311
    office = random_office.provider
    reviewer = make_user(office, Right.REVIEW_ACCESS, username="beoordelaar", two_factor_required=False)
    Provider.objects.filter(pk=office.pk).update(two_factor_from=None, two_factor_days=None, two_factor_days_since=None)
    campaign = start(office, reviewer)
    assert frozen_paths(campaign) == expected_paths(office)
    everyone = set(User.objects.filter(provider=office).values_list("pk", flat=True))
    assert set(ReviewedUser.objects.filter(campaign=campaign).values_list("person_id", flat=True)) == everyone
    for team in ReviewedTeam.objects.filter(campaign=campaign):
        places = TeamEmployer.objects.filter(team=team.team_id).values_list("employer_id", flat=True)
        assert team.employers == sorted(places)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_history_rebuilds_the_same_population(seed: int) -> None:
    random_history = RandomHistory(seed)
    random_history.run(1)
    office = random_history.office
    User.objects.filter(provider=office).update(second_factor_at=timezone.now())
    Provider.objects.filter(pk=office.pk).update(suspended_at=None)
    reviewer = random_history.create_azure_user()
    campaigns_by = actor()
    import teams.actions

    teams.actions.set_individual_rights(reviewer, [Right.REVIEW_ACCESS], by=campaigns_by)
    campaign = start(office, reviewer)
    assert campaign.started_at is not None
    past = point_in_time.rebuild_office(office.pk, campaign.started_at)
    expected = Counter(
        (user_id, "team", team.id, *sorted(team.rights))
        for team in past.teams.values()
        for user_id in team.members
        if user_id in past.users
    )
    expected.update((user.id, "right", code, code) for user in past.users.values() for code in user.rights)
    assert frozen_paths(campaign) == expected
    assert set(past.users) == set(ReviewedUser.objects.filter(campaign=campaign).values_list("person_id", flat=True))


@pytest.fixture
def reviewer(office: Provider) -> User:
    return make_user(office, Right.REVIEW_ACCESS, username="beoordelaar", last_name="Beoordelaar")


def test_users_in_every_state_and_integrations_are_in_it(office: Provider, alice: User, reviewer: User) -> None:
    team = Team.objects.create(provider=office, name="Zonder rechten")
    states: dict[str, dict[str, Any]] = {
        "blocked": {"blocked_at": timezone.now()},
        "never": {"last_login": None},
        "machine": {"login_method": LoginMethod.SSO_WEBSERVICE},
        "ended": {"access_until": timezone.localdate() - timedelta(days=1)},
    }
    users = {name: make_user(office, username=name, **values) for name, values in states.items()}
    users["invited"] = make_user(office, username=None, accepted_at=None, password="!")
    for user in users.values():
        TeamMember.objects.create(provider=office, team=team, user=user)
    application = Application.objects.create(provider=office, name="Portaal", scopes=["openid"])
    Consent.objects.create(provider=office, user=alice, application=application, scopes=["openid"])
    campaign = start(office, reviewer)
    items = {
        item.subject.person_id: item
        for item in ReviewItem.objects.filter(campaign=campaign, kind="team").select_related("subject")
    }
    assert {name: items[user.pk].notes for name, user in users.items()} == {
        "blocked": ["inactive"], "never": ["never"], "machine": ["machine"], "ended": ["inactive"],
        "invited": ["inactive"],
    }  # fmt: skip
    assert ReviewItem.objects.get(campaign=campaign, kind="integration").name == "Portaal"


def test_the_start_publishes_count_and_root_in_the_chain(office: Provider, alice: User, reviewer: User) -> None:
    campaign = start(office, reviewer)
    event = Event.objects.get(verb=Verb.REVIEW_STARTED, target_id=campaign.pk)
    _none, published = event.changes["review"]
    assert published["root"] == campaign.population_root
    assert (published["users"], published["paths"]) == (
        ReviewedUser.objects.filter(campaign=campaign).count(),
        ReviewItem.objects.filter(campaign=campaign).count(),
    )
    link = ChainLink.objects.get(provider_id=office.pk, sequence=campaign.sequence)
    assert link.hash == campaign.head == published["head"]
    assert link.event_id == Event.objects.get(verb=Verb.REVIEW_CREATED).pk, "everything before the start"


def test_the_tree_is_that_of_rfc_6962() -> None:
    leaves = [{"n": number} for number in range(7)]
    data = sorted(verify.encode_canonical_json(leaf) for leaf in leaves)

    def root(rows: list[bytes]) -> bytes:
        from hashlib import sha256

        if len(rows) == 1:
            return sha256(b"\0" + rows[0]).digest()
        split = 1 << ((len(rows) - 1).bit_length() - 1)
        return sha256(b"\1" + root(rows[:split]) + root(rows[split:])).digest()

    for size in range(1, 8):
        chosen = [leaf for leaf in leaves if verify.encode_canonical_json(leaf) in data[:size]]
        assert verify_review.compute_merkle_root(chosen) == root(data[:size]).hex()
    assert verify_review.compute_merkle_root([]).startswith("e3b0c442")


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({"scope": "everyone"}, {"team", "right", "integration"}),
        ({"scope": "machines"}, {"integration"}),
        ({"scope": "rights", "scope_rights": ("view_audit",)}, {"right"}),
        ({"scope": "dormant", "scope_days": 30}, {"team"}),
    ],
)
def test_a_scope_freezes_everything_and_asks_about_a_part(
    office: Provider, alice: User, reviewer: User, scope: dict[str, Any], expected: set[str]
) -> None:
    User.objects.filter(provider=office).update(last_login=timezone.now())
    long_ago = make_user(office, username="lang", last_login=timezone.now() - timedelta(days=40))
    team = Team.objects.create(provider=office, name="Loon")
    TeamMember.objects.create(provider=office, team=team, user=long_ago)
    IndividualRight.objects.create(provider=office, user=alice, right=Right.VIEW_AUDIT)
    application = Application.objects.create(provider=office, name="Portaal", scopes=["openid"])
    Consent.objects.create(provider=office, user=alice, application=application, scopes=["openid"])
    campaign = start(office, reviewer, **scope)
    items = ReviewItem.objects.filter(campaign=campaign)
    assert set(items.filter(in_scope=True).values_list("kind", flat=True)) == expected
    assert frozen_paths(campaign) == expected_paths(office)


def test_new_since_the_last_review_is_noted(office: Provider, alice: User, reviewer: User) -> None:
    first = start(office, reviewer)
    assert not ReviewItem.objects.filter(campaign=first, notes__contains=["new"]).exists(), "there is no last review"
    confirm_all(first)
    IndividualRight.objects.create(provider=office, user=reviewer, right=Right.VIEW_AUDIT)
    assert list_new(start(office, reviewer)) == ["view_audit"]


def confirm_all(campaign: Campaign) -> None:
    """End the campaign with everything in its scope kept."""
    campaigns.close_campaign(campaign, by=actor())
    ReviewItem.objects.filter(campaign=campaign, in_scope=True).update(outcome="keep")


def list_new(campaign: Campaign) -> list[str]:
    return sorted(str(item) for item in ReviewItem.objects.filter(campaign=campaign, notes__contains=["new"]))


def test_a_small_review_does_not_confirm_what_it_left_out(office: Provider, alice: User, reviewer: User) -> None:
    confirm_all(start(office, reviewer))
    large, small = (Team.objects.create(provider=office, name=name) for name in ("Groot", "Klein"))
    for team in (large, small):
        TeamMember.objects.create(provider=office, team=team, user=alice)
    confirm_all(start(office, reviewer, scope="teams", scope_teams=(small.pk,)))
    assert list_new(start(office, reviewer)) == ["Groot"]
    TeamRight.objects.create(provider=office, team=small, right=Right.VIEW_WAGES)
    assert list_new(start(office, reviewer)) == ["Groot", "Klein"], "it gives more than was kept"


def test_a_scope_of_rights_has_the_administrators_who_hold_them(office: Provider, alice: User, reviewer: User) -> None:
    campaign = start(office, reviewer, scope="rights", scope_rights=("manage_users",))
    (item,) = ReviewItem.objects.filter(campaign=campaign, in_scope=True).select_related("subject")
    assert (item.subject.person_id, item.code) == (alice.pk, "manage_provider")
    assert Campaign.objects.get(pk=campaign.pk).scope_rights == ["manage_provider", "manage_users"]


def test_integrations_of_the_office_are_paths_of_all_who_may_use_them(
    office: Provider, alice: User, bob: User, reviewer: User
) -> None:
    """For all, for the members of teams only, and never for SSO/Webservice users."""
    make_user(office, username="machine", login_method=LoginMethod.SSO_WEBSERVICE)
    shared, closed = (
        Application.objects.create(provider=office, name=name, scopes=["openid", "profile"])
        for name in ("Gedeeld", "Voor Loon")
    )
    allowed = {"provider": office, "scopes": ["openid"], "consented_at": timezone.now()}
    OfficeAccess.objects.create(application=shared, **allowed)
    access = OfficeAccess.objects.create(application=closed, for_teams_only=True, **allowed)
    team = Team.objects.create(provider=office, name="Loon")
    TeamMember.objects.create(provider=office, team=team, user=bob)
    OfficeAccessTeam.objects.create(provider=office, access=access, team=team)
    Consent.objects.create(provider=office, user=alice, application=shared, scopes=["profile"])
    campaign = start(office, reviewer)
    items = ReviewItem.objects.filter(campaign=campaign, kind="integration").select_related("subject")
    found = {(item.subject.person_id, item.name): (item.rights, set(item.notes) - {"never"}) for item in items}
    assert found == {
        (alice.pk, "Gedeeld"): (["openid", "profile"], {"integration", "office"}),
        (bob.pk, "Gedeeld"): (["openid"], {"office"}),
        (reviewer.pk, "Gedeeld"): (["openid"], {"office"}),
        (bob.pk, "Voor Loon"): (["openid"], {"office"}),
    }


def test_who_may_start_one(office: Provider, alice: User, bob: User) -> None:
    reviewer = make_user(office, Right.REVIEW_ACCESS, username="beoordelaar")
    campaign = make_campaign(office, reviewer)
    elsewhere = Provider.objects.create(name="Elders")
    for stranger in (bob, reviewer, make_user(elsewhere, Right.MANAGE_PROVIDER, username="elders")):
        with pytest.raises(PermissionDenied):
            campaigns.start_campaign(campaign, by=actor(stranger))
    campaigns.start_campaign(campaign, by=actor(alice))
    with pytest.raises(ValidationError, match="al gestart"):
        campaigns.start_campaign(campaign, by=actor(alice))


def test_reviewers_need_the_right(office: Provider, alice: User, bob: User) -> None:
    with pytest.raises(ValidationError, match="Beoordelen toegang"):
        make_campaign(office, bob)
    with pytest.raises(ValidationError, match="minstens één"):
        make_campaign(office)


def test_starting_takes_as_many_queries_for_more_users(office: Provider, alice: User, reviewer: User) -> None:
    def count() -> int:
        campaign = make_campaign(office, reviewer)
        with CaptureQueriesContext(connection) as queries:
            campaigns.start_campaign(campaign, by=actor(alice))
        return len(queries)

    count()  # what is cached from the first time on
    first = count()
    for number in range(20):
        make_user(office, Right.VIEW_AUDIT, username=f"u{number}")
    assert count() == first


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_five_thousand_users_in_sixty_teams_are_frozen(office: Provider, alice: User, reviewer: User) -> None:
    people = [
        User(
            provider=office, login_method=LoginMethod.SSO_WEBSERVICE, initials="A.", last_name=f"Jansen {n}",
            email=f"u{n}@example.nl", username=f"m{n}", accepted_at=timezone.now(), password=alice.password,
        )
        for n in range(5000)
    ]  # fmt: skip
    User.objects.bulk_create(people, batch_size=1000)
    employers = Employer.objects.bulk_create(Employer(provider=office, number=n, name=f"W{n}") for n in range(100))
    teams = Team.objects.bulk_create(Team(provider=office, name=f"Team {n}") for n in range(60))
    for number, team in enumerate(teams):
        TeamRight.objects.bulk_create(TeamRight(provider=office, team=team, right=right) for right in list(Right)[1:])
        TeamEmployer.objects.bulk_create(
            TeamEmployer(provider=office, team=team, employer=employer) for employer in employers[number::4]
        )
    TeamMember.objects.bulk_create(
        (
            TeamMember(provider=office, team=teams[(n + k) % 60], user=user)
            for n, user in enumerate(people)
            for k in (0, 7, 23)
        ),
        batch_size=5000,
    )
    with db_roles.use_owner_role():
        db_roles.execute_statements(["ANALYZE"])  # as autovacuum does within a minute
    campaign = make_campaign(office, reviewer)
    campaigns.start_campaign(campaign, by=actor(alice))
    paths = ReviewItem.objects.filter(campaign=campaign, kind="team")
    assert paths.count() == 15_000
    decided = paths.select_related("subject")[0]
    decisions.decide(decided, Decision.REVOKE, seen=0, by=actor(reviewer))
    assert paths.filter(decision=Decision.REVOKE).count() == 1
