"""The encoding of text files is measured, and text that was decoded wrongly before is a fault."""

from io import BytesIO

import pytest
from charset_normalizer import from_bytes
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Provider, User
from imports.declarative.schema import parse_offices
from imports.declarative.secrets_file import read_secrets
from imports.files.cells import InvalidCell, UnreadableFile
from imports.files.encoding_detection import decode_text, is_damaged
from imports.files.letter_scores import _SAMPLE_NAMES
from imports.files.readers import read_rows
from imports.plans import team_plans, user_plans
from tests.helpers.import_files import SERVICE, faults
from tests.helpers.users import actor
from tests.imports.test_readers import book, cells

# Short lists as Dutch offices have them; none of the names is a sample of the detection.
WESTERN = [
    "Zoéline\nRené-Paul", "Noémie Bakker\nKoen de Vriès", "Loïse\nMaëlle\nBrigitte Peeters", "Jörg Voß\nHeike Schulz",
    "Günter\nPetra", "Inge Böttcher", "Jürgens", "Belén Ordóñez\nPilar Núñez", "Simão Brandão", "Åkesson\nLindström",
    "Jørn Bøgh\nAnne Dahl", "Märtha Sjöberg", "Élodie Carré\nThéophile", "Maïlys Lefèvre", "Gaëlle Garçon", "Müge Şen",
    "Berthé van ’t Hof", "Cláudia Gouveia\nJan Smits", "Sébastien", "Léonie\nAndreas Jäkel",
]  # fmt: skip
EASTERN = [
    "Stanisław Wróbel\nBożena Król", "Przemysław Górski", "Ľubica Kopáčová", "Radovan Čermák\nJitka Říhová",
    "Bogdan Kučera\nZuzana Žáková", "Ivan Horvatić\nSnježana Šimić", "Ferenc Bíró\nEszter Pintér", "Łucja Wrońska",
]  # fmt: skip
LISTS = [
    (text, encoding)
    for texts, encodings in (
        (WESTERN, ["cp1252", "mac_roman", "cp850", "iso8859_15", "cp437"]),
        (EASTERN, ["cp1250", "iso8859_2", "cp852"]),
    )
    for text in texts
    for encoding in encodings
    if text.encode(encoding, errors="ignore").decode(encoding) == text
]
# Decoded wrongly by another program before the file was saved.
TWICE_DECODED = [
    name.encode().decode(encoding)
    for name in ("René", "Zoë", "Günther", "Łukasz", "Çelik", "Curaçao", "Søren", "voilà", "één", "Đorđević")
    for encoding in ("latin-1", "mac_roman", "cp850", "cp437", "iso8859_15", "cp1250")
    if not any(byte in name.encode() for byte in b"\x81\x83\x88\x90\x98") or encoding != "cp1250"
]
UNDAMAGED = [
    "ANDRÉ’S", "d’Étienne", "’t Hart", "d´Hondt", "O´Brien", "Škoda", "McÉvoy", "Loon Noord – Zuid", "€ 50", "Café®",
    "Nº 5", "“Loon”", "Team «A»", "Å.", "É.", "Þór", "Иванов", "Γιώργος", "山田", "ÇELİK", "ÖZDEMİR", "½ dag", "☎",
    "info@devries.example\xa0", "Jan\xa0 de Boer", "\xa0Loon\xa0Noord\xa0\xa0", "Zoë\xa0de Vries",
]  # fmt: skip


def guess(text: str, encoding: str) -> str:
    return decode_text(text.encode(encoding)).text


def test_short_lists_are_read_in_the_encoding_they_were_written_in() -> None:
    wrong = [(text, encoding) for text, encoding in LISTS if guess(text, encoding) != text]
    assert len(wrong) <= 0.03 * len(LISTS), wrong
    for text, encoding in LISTS:
        if (text, encoding) not in wrong:
            whole = f"Voorletters;Achternaam\r\nA.;{text}\r\n"
            assert guess(whole, encoding) == whole


def test_the_library_reads_fewer_of_them() -> None:
    """The reason for a measure of our own: charset-normalizer needs more text than a list of names has."""
    read = [text for text, encoding in LISTS if str(from_bytes(text.encode(encoding)).best()) == text]
    assert len(read) < 0.7 * len(LISTS)


def test_samples_are_no_test_of_themselves() -> None:
    samples = set(_SAMPLE_NAMES.split())
    words = {word for text in WESTERN + EASTERN for word in text.split() if not word.isascii()}
    assert not words & samples - {"’t"}


@pytest.mark.parametrize(("encoding", "byte"), [("mac_roman", b"\x8e"), ("cp850", b"\x82"), ("cp1252", b"\xe9")])
def test_one_letter_tells(encoding: str, byte: bytes) -> None:
    assert decode_text(b"Ren" + byte).text == "René"


@pytest.mark.parametrize(
    "content",
    ["Иванов;Петров;Наталья".encode("koi8-r"), "Παπαδόπουλος".encode("cp1253"), "Иванов;Сергей".encode("cp1251"),
     bytes(range(128, 256)) * 20, "田中;鈴木;佐藤".encode("shift_jis")],
)  # fmt: skip
def test_an_encoding_that_gives_no_names_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableFile, match="CSV UTF-8"):
        decode_text(b"Achternaam\r\n" + content)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\x00\ufeff"), max_size=20))
def test_unicode_is_never_guessed(encoding: str, text: str) -> None:
    assert decode_text(f"Naam;{text}".encode(encoding)) == (f"Naam;{text}", "")


@pytest.mark.parametrize("name", TWICE_DECODED)
def test_text_that_was_decoded_twice_is_damaged(name: str) -> None:
    assert is_damaged(name)
    assert is_damaged(f"Jan {name} Müller")


@pytest.mark.parametrize("name", ["Zo\ufffd", "Ren‚", "RenŽ", "RenÃƒÂ©", "GÃ¼nther", "Ren├®", "VoilÃ"])
def test_other_damage_is_found(name: str) -> None:
    assert is_damaged(name)


def test_names_are_not_damaged() -> None:
    names = [*UNDAMAGED, *_SAMPLE_NAMES.split(), *WESTERN, *EASTERN]
    assert [name for name in [*names, *map(str.upper, names)] if is_damaged(name)] == []


@pytest.mark.parametrize("line", ['{"naam": "RenÃ©"}', "naam\nRenÃ©"])
def test_damage_is_an_invalid_cell_in_every_text_file(line: str) -> None:
    *_header, row = read_rows(BytesIO(line.encode()))
    assert isinstance(row.cells[0], InvalidCell)
    assert "UTF-8" in row.cells[0].advice


def test_damage_in_a_workbook_is_an_invalid_cell() -> None:
    assert isinstance(cells(book(["Naam"], ["RenÃ©"]))[1][0], InvalidCell)


@pytest.mark.parametrize("key", ['name = "CafÃ©"', 'name = "A"\n[[office.team]]\nname = "Loon CoÃ«vorden"',
    'name = "A"\n[[office.user]]\nemail = "a@x.nl"\nteams = ["CoÃ«vorden"]'])  # fmt: skip
def test_damage_in_a_declared_office_is_a_fault(key: str) -> None:
    (office,) = parse_offices(f"format = 1\n[[office]]\n{key}\n".encode())
    assert "UTF-8" in office.faults[0]["what"]


def test_secrets_are_never_guessed() -> None:
    text = "username;password\nkoppeling;Zomeré-Één-2026\n"
    assert read_secrets(BytesIO(text.encode()))[0].passwords == {"koppeling": "Zomeré-Één-2026"}
    with pytest.raises(UnreadableFile, match="CSV UTF-8"):
        read_secrets(BytesIO(text.encode("mac_roman")))


@pytest.mark.django_db
def test_the_plan_shows_the_guess_and_three_names(office: Provider, alice: User) -> None:
    names = ["Böhm", "Jansen", "Dübel", "Bömer", "Anné", "Noël"]
    rows = [SERVICE | {"username": f"dienst {name}", "last_name": name} for name in names]
    text = "\r\n".join([";".join(SERVICE), *(";".join(row.values()) for row in rows)])
    plan = user_plans.plan_user_file(office, BytesIO(text.encode("mac_roman")), by=actor(), invite=False)
    (notice,) = plan.notices
    assert "Mac OS Roman" in notice
    assert "“Böhm”, “Dübel”, “Anné”" in notice
    assert [item["name"].split(",")[0] for item in plan.items] == names
    assert not user_plans.plan_user_file(office, BytesIO(text.encode()), by=actor(), invite=False).notices


@pytest.mark.django_db
def test_damaged_names_are_faults(office: Provider, alice: User) -> None:
    text = (
        ";".join(SERVICE) + "\r\n" + ";".join((SERVICE | {"last_name": "RenÃ©", "password": "Zo\ufffd-2026"}).values())
    )
    plan = user_plans.plan_user_file(office, BytesIO(text.encode()), by=actor(), invite=False)
    assert [column for _row, column, _what in faults(plan)] == ["Achternaam", "Wachtwoord"]
    assert "Zo" not in str(plan.faults[1])


@pytest.mark.django_db
def test_names_of_teams_are_measured_too(office: Provider, alice: User) -> None:
    file = BytesIO("Team;Raadplegen teams\nLoon Coëvorden;x\n".encode("mac_roman"))
    plan = team_plans.plan_team_files(office, [("rechten.csv", file)], by=actor())
    assert [notice for notice in plan.notices if "rechten.csv" in notice and "Coëvorden" in notice]
    file = BytesIO("Naam\nLoon CoÃ«vorden\n".encode())
    assert team_plans.plan_team_files(office, [("teams.csv", file)], by=actor()).faults
    file = BytesIO("Team;Raadplegen teams\nLoon CoÃ«vorden;x\n".encode())
    assert "UTF-8" in team_plans.plan_team_files(office, [("rechten.csv", file)], by=actor()).faults[0]["what"]
