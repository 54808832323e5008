"""A password is the same at every entry point, however the keyboard composes it."""

import base64
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client

import authentication.actions
from accounts.models import Provider, User
from accounts.passwords import hash_password
from accounts.user_lookup import require_free_username
from accounts.validators import validate_username
from authentication.microsoft import tenants
from core.keys import compute_name_key
from notifications.models import NotificationSet
from permissions.models import AuthorizationSet, Team, TeamMember
from tests.helpers.import_files import faults, planned
from tests.helpers.login_methods import make_service
from tests.helpers.users import PASSWORD, actor, make_user

pytestmark = pytest.mark.django_db

COMPOSED, DECOMPOSED = "Zomer\u00e9-\u00c9\u00e9n-2026", "Zomere\u0301-E\u0301e\u0301n-2026"


def request_token(username: str, password: str) -> Any:
    credentials = base64.b64encode(f"{quote(username)}:{quote(password)}".encode()).decode()
    data = {"grant_type": "client_credentials"}
    return Client().post("/oauth/token/", data, headers={"Authorization": f"Basic {credentials}"})


@pytest.mark.parametrize(("chosen", "typed"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_a_password_with_accents_works_from_every_keyboard(
    client: Client, office: Provider, chosen: str, typed: str
) -> None:
    make_user(office, username="alice", password=hash_password(chosen))
    make_service(office, username="dienst", password=hash_password(chosen))
    assert client.post("/inloggen/", {"username": "alice", "password": typed}).status_code == 302
    assert request_token("dienst", typed).status_code == 200
    assert request_token("dienst", typed.upper()).status_code == 401


@pytest.mark.parametrize(
    "twin", ["c.smit\u3164", "c.smit\u2800", "c.smit\u034f", "c.smit\ufe0f", "\u0441.smit", "C.SMIT"]
)
def test_a_username_that_looks_like_another_is_taken(office: Provider, twin: str) -> None:
    user = make_user(office, username="c.smit")
    with pytest.raises(ValidationError) as caught:
        require_free_username(twin)
    assert caught.value.code == "taken"
    require_free_username(twin, user=user)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_user(office, username=twin)


@pytest.mark.parametrize(
    ("username", "code"), [("dienst ", "spaces"), ("\u00a0dienst", "spaces"), ("\u3164\u3164a", "length")]
)
def test_a_username_has_no_blank_ends(username: str, code: str) -> None:
    with pytest.raises(ValidationError) as caught:
        validate_username(username)
    assert caught.value.code == code


def test_a_space_around_the_username_is_forgiven_at_login(client: Client, office: Provider) -> None:
    make_user(office, username="c.smit")
    assert client.post("/inloggen/", {"username": " C.Smit\u00a0", "password": PASSWORD}).status_code == 302


NAME_TWINS = [
    ("Straße", "Strasse"), ("Caf\u00e9", "CAFE\u0301"), ("Loon Noord", "Loon\u00a0Noord"), ("Loon", "Lo\u200bon"),
    ("d\u2019Hondt", "d'Hondt"),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second"), NAME_TWINS)
@pytest.mark.parametrize("model", [Team, AuthorizationSet, NotificationSet])
def test_names_that_read_the_same_cannot_coexist(model: Any, first: str, second: str, office: Provider) -> None:
    model.objects.create(provider=office, name=first)
    with pytest.raises(IntegrityError), transaction.atomic():
        model.objects.create(provider=office, name=second)
    assert model.objects.get(name_key=compute_name_key(second), provider=office).name == first


def test_two_tenants_cannot_have_one_name(office: Provider, alice: User) -> None:
    tenants.add_tenant(office, name="Groep", tenant_id=uuid4(), by=actor(alice))
    with pytest.raises(ValidationError) as caught:
        tenants.add_tenant(office, name="GROEP ", tenant_id=uuid4(), by=actor(alice))
    assert caught.value.error_dict["name"][0].code == "taken"


@pytest.mark.parametrize("typed", ["x@m\u00fcller.example", "X@XN--MLLER-KVA.example"])
def test_a_forgotten_password_is_found_by_either_form_of_the_domain(office: Provider, typed: str) -> None:
    user = make_user(office, username="x", email="x@xn--mller-kva.example")
    assert authentication.actions._list_users_by_email(typed) == [user]


def test_a_file_that_says_what_is_stored_plans_nothing(office: Provider, alice: User) -> None:
    team = Team.objects.create(provider=office, name="Straße")
    user = make_user(
        office, username="bar", email="bar@example.org", first_name="Ren\u00e9", phone_number="0201234567",
    )  # fmt: skip
    TeamMember.objects.create(provider=office, team=team, user=user)
    plan = planned(
        office,
        {
            "username": "BAR", "email": "Bar@Example.ORG", "first_name": "Rene\u0301", "phone_number": "201234567",
            "teams": "STRASSE",
        },
    )  # fmt: skip
    assert (faults(plan), plan.items) == ([], [])
