"""`manage.py create_provider`."""

from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import Provider, User
from audit.models import Event
from outbox.models import Message
from permissions import checks
from permissions.checks import Right
from permissions.models import Team
from tests.helpers.login_methods import make_service
from tests.helpers.users import make_user

pytestmark = pytest.mark.django_db
ADMIN = {"admin_email": "a.jansen@jansen.example", "admin_name": "A.B. van de Jansen", "admin_phone": "06 12345678"}


def run(name: str = "Kantoor Jansen", **options: object) -> str:
    said = StringIO()
    call_command("create_provider", name, stdout=said, **(ADMIN | options))
    return said.getvalue()


def test_it_makes_an_office_with_a_team_and_an_invitation() -> None:
    assert "a.jansen@jansen.example" in run()
    office, user = Provider.objects.get(), User.objects.get()
    assert (user.initials, user.prefix, user.last_name) == ("A.B.", "van de", "Jansen")
    assert (office.name, user.provider, user.invitation.state) == ("Kantoor Jansen", office, "open")
    team = Team.objects.get()
    assert (team.name, [row.right for row in team.rights.all()]) == ("Beheer", ["manage_provider"])
    assert user.individual_rights.count() == 0
    assert checks.held_rights(user) == frozenset(Right)
    assert Message.objects.get().recipient == "a.jansen@jansen.example"
    assert {(event.origin, event.actor_name) for event in Event.objects.all()} == {
        ("command", "manage.py create_provider")
    }


def test_it_can_be_repeated() -> None:
    run()
    before = Event.objects.count()
    assert "already exists" in run()
    run(admin_phone=None, admin_email="A.Jansen@jansen.example")
    assert (Provider.objects.count(), User.objects.count(), Team.objects.count()) == (1, 1, 1)
    assert (Event.objects.count(), Message.objects.count()) == (before, 1)


def test_a_changed_team_keeps_its_rights() -> None:
    run()
    Team.objects.get().rights.all().delete()
    run()
    assert Team.objects.get().rights.count() == 0


def test_it_leaves_other_offices_alone(charlie: User) -> None:
    run(admin_email=charlie.email)
    assert User.objects.filter(provider__name="Kantoor Jansen").get().email == charlie.email
    assert charlie.memberships.count() == 0


def test_the_same_name_twice_is_not_guessed(charlie: User, alice: User) -> None:
    for office in Provider.objects.all():
        office.name = "Zelfde"
        office.save()
    with pytest.raises(CommandError, match="Several offices have this name"):
        run("Zelfde")
    assert not User.objects.filter(email=ADMIN["admin_email"]).exists()


def test_an_existing_user_becomes_administrator(alice: User, office: Provider) -> None:
    make_service(office, email=ADMIN["admin_email"])
    bob = make_user(office, email=ADMIN["admin_email"], username="bob")
    run(office.name)
    assert checks.has_right(bob, Right.MANAGE_PROVIDER)
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"admin_phone": "030 1234567"},
        {"admin_phone": None},
        {"admin_email": "geen adres"},
        {"admin_name": "Jansen"},
        {"admin_name": ""},
        {"admin_name": "A. " + "x" * 26},
        {"name": "x" * 101},
        {"name": " "},
        {"name": "a\x00b"},
    ],
)
def test_it_says_what_is_wrong_and_makes_nothing(wrong: dict[str, object]) -> None:
    with pytest.raises(CommandError):
        run(**wrong)
    assert not Provider.objects.exists()
    assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one_office_and_invite_once() -> None:
    def work(_number: int) -> str:
        try:
            return run()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(work, range(4)))
    assert sum("has been created" in text for text in said) == 1
    assert (Provider.objects.count(), User.objects.count(), Team.objects.count()) == (1, 1, 1)
    assert Message.objects.filter(kind="invitation").count() == 1


def test_what_is_wrong_ends_with_1() -> None:
    for wrong in ({"admin_email": "geen adres"}, {"admin_phone": "030 1234567"}):
        with pytest.raises(CommandError) as error:
            run(**wrong)
        assert error.value.returncode == 1
