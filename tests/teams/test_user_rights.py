"""The page with the rights of a user shows the source of each."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from accounts.models import Provider, User
from permissions.checks import Right
from permissions.models import Employer, IndividualRight, Team, TeamEmployer, TeamMember, TeamRight
from permissions.products import Product
from tests.helpers.users import make_user

pytestmark = pytest.mark.django_db


def put(office: Provider, name: str, users: list[User], employers: list[Employer], *given: Right) -> Team:
    team = Team.objects.create(provider=office, name=name)
    TeamMember.objects.bulk_create(TeamMember(provider=office, team=team, user=user) for user in users)
    TeamEmployer.objects.bulk_create(TeamEmployer(provider=office, team=team, employer=one) for one in employers)
    TeamRight.objects.bulk_create(TeamRight(provider=office, team=team, right=right) for right in given)
    return team


def employer(office: Provider, number: int, *products: Product) -> Employer:
    return Employer.objects.create(provider=office, number=number, name=f"Bakkerij {number}", products=list(products))


def give(user: User, *given: Right) -> None:
    for right in given:
        IndividualRight.objects.create(provider=user.provider, user=user, right=right)


def url(user: User) -> str:
    return reverse("teams:user_rights", args=[user.pk])


def test_every_right_has_its_origin(alice_client: Client, bob: User, office: Provider) -> None:
    places = [employer(office, 1, Product.JOURNAL), employer(office, 2)]
    team = put(office, "Loon Noord", [bob], places, Right.VIEW_WAGES, Right.EXPORT_JOURNAL)
    give(bob, Right.VIEW_WAGES, Right.VIEW_HRM)
    response = alice_client.get(url(bob))
    found = response.context["form"].fields["rights"].grid.contents.held
    assert set(found) == {Right.VIEW_WAGES, Right.EXPORT_JOURNAL, Right.VIEW_HRM}
    assert found[Right.VIEW_WAGES].superfluous
    assert not found[Right.VIEW_HRM].superfluous
    page = response.content.decode()
    assert f'href="{reverse("teams:team_detail", args=[team.pk])}"' in page
    assert gettext("individual: redundant") in page
    assert gettext("exception: no team grants this") in page
    off = gettext("no effect at employer %(employer)s: product %(product)s is off")
    assert off % {"employer": places[1], "product": "940"} in page
    asked = f"{reverse('teams:explain_user_right', args=[bob.pk])}?right=view_wages&amp;employer={places[0].pk}"
    assert asked in page


def test_resting_rights_say_why(alice_client: Client, office: Provider) -> None:
    eve = make_user(office, Right.VIEW_AUDIT, username="eve", blocked_at=timezone.now())
    page = alice_client.get(url(eve)).content.decode()
    assert gettext("Reason: %(reason)s.") % {"reason": gettext("Blocked")} in page


def test_queries_do_not_grow_with_teams(
    alice_client: Client, bob: User, office: Provider, django_assert_max_num_queries
) -> None:
    for number in range(12):
        put(office, f"Team {number}", [bob], [employer(office, number)], Right.VIEW_WAGES, Right.EXPORT_JOURNAL)
    with django_assert_max_num_queries(20):
        assert alice_client.get(url(bob)).status_code == 200


def test_other_offices_and_users_without_the_right_are_refused(
    bob_client: Client, charlie_client: Client, alice: User
) -> None:
    assert bob_client.get(url(alice)).status_code == 403
    assert charlie_client.get(url(alice)).status_code == 404
