"""Names of directories and of offices, both ways."""

import pytest

from accounts.models import User
from scim.names import derive_initials, get_first_name, join_family_name, split_family_name


@pytest.mark.parametrize(
    ("family", "prefix", "last"),
    [
        ("Jansen", "", "Jansen"),
        ("van der Berg", "van der", "Berg"),
        ("Berg, van der", "van der", "Berg"),
        ("de Vries-Smit", "de", "Vries-Smit"),
        ("van 't Hof", "van 't", "Hof"),
        ("in 't Veld", "in 't", "Veld"),
        ("Van den Broeck", "", "Van den Broeck"),
        ("van", "", "van"),
        ("op den onder Water", "op den", "onder Water"),
        ("Vries de", "", "Vries de"),
        ("  de   Boer ", "de", "Boer"),
        ("Jansen, Piet", "", "Jansen, Piet"),
        ("", "", ""),
        ("Wolfeschlegelsteinhausenbergerdorff", "", "Wolfeschlegelsteinhausenb"),
    ],
)
def test_family_names_split(family: str, prefix: str, last: str) -> None:
    assert split_family_name(family) == (prefix, last)


@pytest.mark.parametrize("family", ["van der Berg", "Jansen", "van 't Hof", "el Amrani", "Van den Broeck"])
def test_family_names_join_again(family: str) -> None:
    prefix, last = split_family_name(family)
    assert join_family_name(User(prefix=prefix, last_name=last)) == family


@pytest.mark.parametrize(
    ("given", "initials", "first_name"),
    [
        ("Jan Willem", "J.W.", "Jan Willem"),
        ("Anne-Marie", "A.M.", "Anne-Marie"),
        ("J.W.", "J.W.", ""),
        ("jan piet klaas marie", "J.P.K.", "jan piet klaas marie"),
        ("Élise", "É.", "Élise"),
        ("", "Z.", ""),
        ("123", "Z.", "123"),
    ],
)
def test_given_names_become_initials(given: str, initials: str, first_name: str) -> None:
    assert (derive_initials(given, "zoë@x.nl"), get_first_name(given)) == (initials, first_name)


def test_initials_always_fit() -> None:
    assert derive_initials("", "123") == "X."
