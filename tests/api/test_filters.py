"""The filter language: results are compared with plain Python, and errors point at the position."""

import operator
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import LoginMethod, Provider, User
from api import filters
from api.errors import ApiError
from api.filters import FieldType, FilterField, parse_filter
from core.keys import compute_username_key
from tests.helpers.api_client import Program, program
from tests.helpers.users import change_user, make_user

FIELDS = {
    "lastName": FilterField("last_name"),
    "userName": FilterField("username", key=compute_username_key),
    "kind": FilterField("login_method", FieldType.KEY),
    "version": FilterField("version", FieldType.NUMBER),
    "required": FilterField("two_factor_required", FieldType.BOOLEAN),
    "lastLogin": FilterField("last_login", FieldType.DATETIME),
    "id": FilterField("id", FieldType.ID),
}
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le,
}  # fmt: skip
LETTERS = "aAbBzZé%_\\' 1-"
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def people(office: Provider) -> list[User]:
    """Nine users with values that make filtering difficult."""
    names = ["a", "A", "ab", "b'b", "a%b", "a_b", "a\\b", "Zé", "zz 1-"]
    for number, name in enumerate(names):
        invited = number % 3 == 0
        person = make_user(
            office, last_name=name, username=f"{name}u{number}", email=f"{number}@x.example",
            two_factor_required=number % 2 == 0, version=number + 1, prefix="" if number % 2 else "de",
            last_login=None if number % 4 == 0 else NOON + timedelta(hours=number),
        )  # fmt: skip
        if invited:
            change_user(person, username=None, accepted_at=None, password="!")
    return list(User.objects.filter(provider=office))


texts = st.text(LETTERS, max_size=3)
comparisons = st.one_of(
    st.tuples(st.sampled_from(["last_name", "username"]), st.sampled_from([*COMPARE, "eq", "ne", "lk"]), texts),
    st.tuples(st.just("version"), st.sampled_from([*COMPARE, "eq", "ne"]), st.integers(-1, 11)),
    st.tuples(st.just("two_factor_required"), st.sampled_from(["eq", "ne"]), st.booleans()),
    st.tuples(st.just("login_method"), st.sampled_from(["eq", "ne"]), st.sampled_from(list(LoginMethod.values))),
    st.tuples(
        st.just("last_login"),
        st.sampled_from([*COMPARE, "eq", "ne"]),
        st.integers(-1, 10).map(lambda hours: NOON + timedelta(hours=hours)),
    ),
    st.tuples(st.sampled_from(["last_name", "username", "last_login"]), st.sampled_from(["eq", "ne"]), st.none()),
)
trees = st.recursive(comparisons, lambda inner: st.tuples(inner, st.sampled_from(["and", "or"]), inner), max_leaves=8)


def is_join(tree: Any) -> bool:
    return tree[1] in ("and", "or")


def written(tree: Any, above: str = "") -> str:
    """Return the filter for `tree`, with parentheses only where `and` needs them."""
    left, middle, right = tree
    if not is_join(tree):
        (name,) = (name for name, field in FIELDS.items() if field.column == left)
        return f"{name} {middle} {value(right)}"
    text = f"{written(left, middle)} {middle} {written(right, middle)}"
    return f"({text})" if above == "and" and middle == "or" else text


def value(wanted: Any) -> str:
    if wanted is None or isinstance(wanted, bool):
        return {None: "null", True: "true", False: "false"}[wanted]
    if isinstance(wanted, int):
        return str(wanted)
    text = wanted.isoformat() if isinstance(wanted, datetime) else wanted
    return "'" + text.replace("'", "''") + "'"


def holds(tree: Any, person: User) -> bool:
    left, middle, right = tree
    if middle == "and":
        return holds(left, person) and holds(right, person)
    if middle == "or":
        return holds(left, person) or holds(right, person)
    has = getattr(person, left)
    if right is None:
        return (has in (None, "")) is (middle == "eq")
    if left == "username" and middle in ("eq", "ne"):
        return (person.username_key == compute_username_key(right)) is (middle == "eq")
    if has is None:
        return middle == "ne"
    if middle in ("eq", "ne"):
        same = has.upper() == right.upper() if isinstance(has, str) else has == right
        return same is (middle == "eq")
    if isinstance(has, str):
        has, right = has.upper(), right.upper()
    if middle == "lk":
        key = compute_username_key(right) if left == "username" else ""
        return right in has or (key != "" and key in (person.username_key or ""))
    return COMPARE[middle](has, right)


@pytest.mark.slow
@pytest.mark.django_db
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=trees)
def test_filter_finds_the_same_rows_as_plain_python(tree: Any, people: list[User]) -> None:
    found = set(User.objects.filter(parse_filter(written(tree), FIELDS)).values_list("pk", flat=True))
    assert found == {person.pk for person in people if holds(tree, person)}, written(tree)


@settings(max_examples=300, deadline=None)
@given(text=st.one_of(st.text(max_size=60), st.text("()' eqandor.nul123-lastNameversion", max_size=60)))
def test_any_text_is_parsed_or_refused_with_an_explanation(text: str) -> None:
    refusal = None
    try:
        parse_filter(text, FIELDS)
    except ApiError as error:  # and no other fault
        refusal = error
    if refusal is not None:
        (message,) = refusal.messages
        assert (refusal.status, message["field"]) == (400, "filter")
        assert re.search(r"^Bij teken \d+ van het filter", message["description"]), message


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("lastName = 'x'", 10),
        ("lastName eq x", 13),
        ("nobody eq 'x'", 1),
        ("lastName eq 'x' xor version eq 1", 17),
        ("(lastName eq 'x'", 17),
        ("lastName eq 'x')", 16),
        ("version eq '1'", 12),
        ("version eq 99999999999999999999999", 12),
        ("version lk 1", 9),
        ("kind gt 'a'", 6),
        ("required eq 1", 13),
        ("id eq 'x'", 7),
        ("lastLogin gt 'yesterday'", 14),
        ("lastLogin gt '0001-01-01T00:00:00+23:59'", 14),
        ("lastName gt null", 10),
        ("lastName eq 'a\x00b'", 13),
        ("lastName eq 'x", 13),
        ("", 1),
        ("🙂", 1),
    ],
)
def test_error_names_the_position(text: str, place: int) -> None:
    with pytest.raises(ApiError) as caught:
        parse_filter(text, FIELDS)
    assert f" {place} " in caught.value.messages[0]["description"]


@pytest.fixture
def alice_api_client(alice: User) -> Program:
    """An API client on behalf of alice."""
    return program(alice)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "text",
    ["userName eq 'x' or " * 600, "(" * 1_000 + "userName eq 'x'" + ")" * 1_000, "(" * 10_000, "'" * 10_000],
)
def test_long_or_deep_filter_is_refused(text: str, alice_api_client: Program, office: Provider) -> None:
    response = alice_api_client.call("GET", f"/providers/{office.pk}/users?filter={text}")
    assert response.status_code == 400
    assert response.json()["messages"][0]["field"] == "filter"


def test_filter_with_too_many_comparisons_is_refused() -> None:
    with pytest.raises(ApiError):
        parse_filter(" or ".join(["version eq 1"] * (filters._MAX_COMPARISONS + 1)), FIELDS)
    parse_filter(" or ".join(["version eq 1"] * filters._MAX_COMPARISONS), FIELDS)


@pytest.mark.slow
@pytest.mark.django_db
def test_list_of_users_is_filtered_and_sorted(alice_api_client: Program, office: Provider, alice: User) -> None:
    make_user(office, last_name="Boer", initials="P.", username="zus", blocked_at=timezone.now())
    make_user(office, last_name="Boer", initials="K.", username="aap")

    def names(**query: str) -> list[str]:
        path = "&".join(f"{name}={text}" for name, text in query.items())
        return [row["userName"] for row in alice_api_client.rows(f"/providers/{office.pk}/users?{path}")]

    assert names(filter="personalDetails.lastName eq 'Boer'", orderBy="-userName") == ["zus", "aap"]
    assert names(filter="accessStatus.name eq 'UserIsBlocked'") == ["zus"]
    assert names(filter="accessStatus.name ne 'UserIsBlocked'", orderBy="userName") == ["aap", "alice"]
    assert names(filter="contactInformation.emailAddress lk 'ALICE@'") == ["alice"]
    assert names(orderBy="personalDetails.lastName,personalDetails.initials") == ["aap", "zus", "alice"]
    assert names(pageSize="1", pageNumber="2") == ["zus"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query",
    ["orderBy=nobody", "orderBy=userName,userName,userName,userName,userName,userName", "pageSize=1001", "pageSize=0",
     "pageNumber=0", "pageNumber=99999999999999999999", "pageSize=x", "page=3", "orderBy=--userName"],
)  # fmt: skip
def test_invalid_list_parameter_is_refused(query: str, alice_api_client: Program, office: Provider) -> None:
    response = alice_api_client.get(f"/providers/{office.pk}/users?{query}")
    assert response.status_code == 400
    assert response.json()["messages"][0]["field"]
