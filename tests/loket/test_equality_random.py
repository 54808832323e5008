"""For random pairs of texts, "unique says equal", "look-up finds" and "no difference" are one answer."""

import random
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models import LoginMethod, Provider, User
from accounts.user_lookup import find_user_by_username_key
from accounts.validators import validate_username
from core.keys import compute_name_key, compute_username_key
from imports.files.user_rows import UserFinder, UserRow
from imports.plans import team_plans
from permissions.models import AuthorizationSet, Team
from tests.helpers.import_files import file_of
from tests.helpers.users import actor

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
PAIR_COUNT, SAMPLE_COUNT, USERNAME_COUNT = 100_000, 300, 3_000
LETTERS = "aAbBeEiIsSßẞéèÉøØłŁıİŒœÆæĳﬁﬀſKÅΣςσД’‘'`´-–—−·  \u00a0\u2003"
LETTERS += "\u3000\u200b\u200d\u00ad\u034f\u3164\u2800\ufe0f\u0301\u0308"
TWINS = {"a": "\u0430", "e": "\u0435", "i": "\u0456", "s": "\u0455", "'": "\u2019", "-": "\u2013", " ": "\u00a0"}
INVISIBLE = "\u200b\u200d\u00ad\u034f\u3164\ufe0f\u2060"


def make_text(chance: random.Random) -> str:
    planes = [(0x20, 0x7F), (0xA1, 0x250), (0x370, 0x530), (0x1E00, 0x2C00), (0x3000, 0xD800), (0xE000, 0x110000)]
    chars = [
        chance.choice(LETTERS) if chance.random() < 0.7 else chr(chance.randrange(*chance.choice(planes)))
        for _position in range(chance.randrange(1, 9))
    ]
    return "".join(chars)


def insert_invisible(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text) + 1)
    return text[:at] + chance.choice(INVISIBLE) + text[at:]


CHANGES: list[Callable[[str, random.Random], str]] = [
    lambda text, chance: text.upper(),
    lambda text, chance: text.lower(),
    lambda text, chance: text.casefold(),
    lambda text, chance: unicodedata.normalize(chance.choice(["NFC", "NFD", "NFKC", "NFKD"]), text),
    insert_invisible,
    lambda text, chance: f"{chance.choice(['', ' ', chr(0xA0)])}{text} ",
    lambda text, chance: text.translate(str.maketrans(TWINS)),
    lambda text, chance: text[:-1] or "x",
    lambda text, chance: text + chance.choice(LETTERS),
    lambda text, chance: make_text(chance),
]  # fmt: skip


def make_pairs(seed: int, count: int, most: int) -> Iterator[tuple[str, str]]:
    """Yield pairs of different texts of at most `most` characters, many of which look the same."""
    chance = random.Random(seed)  # noqa: S311 (no secret)
    made = 0
    while made < count:
        first = second = make_text(chance)
        for _change in range(chance.randrange(1, 3)):
            second = chance.choice(CHANGES)(second, chance)
        if first != second and len(first) <= most and len(second) <= most:
            made += 1
            yield first, second


def make_offices(count: int) -> list[Provider]:
    """Return `count` offices, made by the database."""
    Provider.objects.create(name="Sjabloon")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_provider SELECT made.* FROM generate_series(1, %s) n,"
            " (SELECT row FROM accounts_provider row LIMIT 1) base,"
            " LATERAL jsonb_populate_record(base.row, jsonb_build_object('id', md5(n::text)::uuid)) made",
            [count],
        )
    return list(Provider.objects.only("id")[:count])


def test_names_are_equal_for_uniqueness_look_up_and_difference_alike() -> None:
    pairs = list(make_pairs(24, PAIR_COUNT, 50))
    offices = make_offices(PAIR_COUNT)
    for column in (0, 1):
        rows = (
            AuthorizationSet(provider=office, name=pair[column]) for office, pair in zip(offices, pairs, strict=True)
        )
        AuthorizationSet.objects.bulk_create(rows, batch_size=5_000, ignore_conflicts=True)
    stored = AuthorizationSet.objects.values_list("provider_id", "name", "name_key")
    keys: dict[object, dict[str, str]] = {}
    for office_id, name, key in stored.iterator():
        keys.setdefault(office_id, {})[name] = key
    is_unique_equal = [len(keys[office.pk]) == 1 for office in offices]
    wanted = [compute_name_key(second) for _first, second in pairs]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM permissions_authorizationset row WHERE row.provider_id = asked.office"
            " AND row.name = asked.name AND row.name_key = asked.key)"
            " FROM unnest(%s::uuid[], %s::text[], %s::text[]) WITH ORDINALITY"
            " asked (office, name, key, at) ORDER BY at",
            [[office.pk for office in offices], [first for first, _second in pairs], wanted],
        )
        is_found = [found for (found,) in cursor.fetchall()]
    assert [pair for pair, *answers in zip(pairs, is_unique_equal, is_found, strict=True) if len({*answers}) > 1] == []
    assert min(is_found.count(True), is_found.count(False)) > PAIR_COUNT // 5


def test_files_call_equal_what_uniqueness_calls_equal() -> None:
    pairs = [
        pair
        for pair in make_pairs(7, SAMPLE_COUNT * 3, 50)
        if all(name.isprintable() and compute_name_key(name) for name in pair)  # a blank cell is no name
    ]
    compared = 0
    for office, (first, second) in zip(make_offices(SAMPLE_COUNT), pairs, strict=False):
        Team.objects.create(provider=office, name=first)
        plan = team_plans.plan_team_files(office, [("teams.csv", file_of({"naam": second}))], by=actor())
        Team.objects.bulk_create([Team(provider=office, name=second)], ignore_conflicts=True)
        if not plan.faults:
            assert (plan.items == []) is (Team.objects.filter(provider=office).count() == 1), (first, second)
            compared += 1
    assert compared > SAMPLE_COUNT // 2


def test_usernames_are_equal_for_uniqueness_look_up_and_files_alike(office: Provider) -> None:
    def is_allowed(username: str) -> bool:
        with suppress(ValidationError):
            validate_username(username)
            return True
        return False

    def make(username: str) -> User:
        return User(
            provider=office, login_method=LoginMethod.WEBSITE_SSO, initials="A.", last_name="Boer", username=username,
            accepted_at=timezone.now(), password="argon2$x", email="a@x.example",
        )  # fmt: skip

    pairs = [pair for pair in make_pairs(39, USERNAME_COUNT, 50) if all(map(is_allowed, pair))]
    User.objects.bulk_create((make(first) for first, _second in pairs), ignore_conflicts=True)
    rows = [UserRow(number, {"username": second}) for number, (_first, second) in enumerate(pairs)]
    found_in_file = UserFinder(office).find_users(rows)
    for number, (first, second) in enumerate(pairs):
        stored = find_user_by_username_key(compute_username_key(second))
        is_unique = False
        with suppress(IntegrityError), transaction.atomic():
            make(second).save(force_insert=True)
            is_unique = True
            transaction.set_rollback(True)
        assert (stored is None) is is_unique is (number not in found_in_file), (first, second)
    assert USERNAME_COUNT // 10 < len(found_in_file) < len(pairs) - USERNAME_COUNT // 10
