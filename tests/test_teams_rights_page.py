"""The page of somebody's rights says where each comes from."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from accounts.models import Provider, User
from teams.models import Employer, IndividualRight, Team, TeamEmployer, TeamMember, TeamRight
from teams.products import Product
from teams.rights import Right
from tests.people import make_user

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
    return reverse("teams:rights", args=[user.pk])


def test_every_right_has_its_origin(alices: Client, bob: User, office: Provider) -> None:
    places = [employer(office, 1, Product.JOURNAL), employer(office, 2)]
    team = put(office, "Loon Noord", [bob], places, Right.VIEW_WAGES, Right.EXPORT_JOURNAL)
    give(bob, Right.VIEW_WAGES, Right.VIEW_HRM)
    response = alices.get(url(bob))
    found = {origin.right: origin for origin in response.context["origins"]}
    assert set(found) == {Right.VIEW_WAGES, Right.EXPORT_JOURNAL, Right.VIEW_HRM}
    assert found[Right.VIEW_WAGES].superfluous
    assert not found[Right.VIEW_HRM].superfluous
    page = response.content.decode()
    assert f'href="{reverse("teams:team", args=[team.pk])}"' in page
    assert gettext("individual: redundant") in page
    assert gettext("exception: no team grants this") in page
    off = gettext("no effect at employer %(employer)s: product %(product)s is off")
    assert off % {"employer": places[1], "product": "940"} in page
    asked = f"{reverse('teams:why', args=[bob.pk])}?right=view_wages&amp;employer={places[0].pk}"
    assert asked in page


def test_resting_rights_say_why(alices: Client, office: Provider) -> None:
    eve = make_user(office, Right.VIEW_AUDIT, username="eve", blocked_at=timezone.now())
    page = alices.get(url(eve)).content.decode()
    assert gettext("inactive: %(reason)s") % {"reason": gettext("Blocked")} in page


def test_it_takes_the_same_queries_however_many_teams(
    alices: Client, bob: User, office: Provider, django_assert_max_num_queries
) -> None:
    for number in range(12):
        put(office, f"Team {number}", [bob], [employer(office, number)], Right.VIEW_WAGES, Right.EXPORT_JOURNAL)
    with django_assert_max_num_queries(20):
        assert alices.get(url(bob)).status_code == 200


def test_it_is_kept_from_others(bobs: Client, charlies: Client, alice: User) -> None:
    assert bobs.get(url(alice)).status_code == 403
    assert charlies.get(url(alice)).status_code == 404
