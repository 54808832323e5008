"""Verification by an auditor: every manipulation of an export, and of the history behind it, is detected."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import given, settings
from hypothesis import strategies as st

import audit.actions
import audit.export
from accounts.models import Provider, User
from audit import chain, checkpoints, encryption_keys, verify
from audit.models import UserEncryptionKey, Verb
from tests.helpers.users import actor

pytestmark = pytest.mark.django_db
PROGRAM = Path(verify.__file__)
PUBLIC = load_pem_public_key(checkpoints.get_public_key_pem())


def change(user: User, prefix: str) -> None:
    changes = {"prefix": ["", prefix]}
    audit.actions.record(Verb.USER_CHANGED, user, by=actor(user), provider_id=user.provider_id, changes=changes)


@pytest.fixture
def export(office: Provider, alice: User, bob: User) -> list[bytes]:
    """The exported lines of a small office in which a user was erased."""
    for user in (alice, bob):
        change(user, "de “Boer” \u2028🙂")
    encryption_keys.destroy_keys(bob.pk)
    audit.actions.record(Verb.USER_ERASED, bob, by=actor(alice), provider_id=office.pk)
    change(alice, "van")
    return list(audit.export.begin_export(office, by=actor(alice)).lines())


def checkpoint(provider_id: object) -> dict[str, Any]:
    return checkpoints.sign_current_head(provider_id)


def check(lines: list[bytes], *given: dict[str, Any]) -> str:
    """Return the verifier's output for a file with these lines."""
    try:
        return verify.verify_history(b"".join(lines).splitlines(keepends=True), given, PUBLIC)
    except (verify.HistoryBroken, verify.CannotVerify) as error:
        return str(error)


def events(lines: list[bytes]) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, lines) if "event" in line]


def rewritten(lines: list[bytes], edit: Callable[[list[dict[str, Any]]], None]) -> list[bytes]:
    """Return the file edited by an attacker who recomputes every hash but cannot sign."""
    found = events(lines)
    edit(found)
    previous = verify.ZERO_HASH
    for sequence, line in enumerate(found, 1):
        line |= {"previous": previous, "sequence": sequence}
        line["hash"] = previous = verify.hash_event(line["event"], previous, sequence)
    return [line for line in lines if b'"event"' not in line] + [
        verify.encode_canonical_json(line) + b"\n" for line in found
    ]


def test_unchanged_export_is_intact(export: list[bytes], office: Provider) -> None:
    assert check(export, checkpoint(office.pk)).startswith("intact: events up to 5, 1 people erased, head ")
    assert events(export)[-1]["event"]["verb"] == "exported"
    assert len([line for line in export if b'"key":' in line and b'"event"' not in line]) == 1


def test_the_last_event_is_the_export_itself(export: list[bytes], office: Provider, alice: User) -> None:
    assert events(export)[-1]["event"]["id"] == str(audit.models.Event.objects.order_by("-id")[0].pk)


@pytest.mark.slow
def test_every_changed_byte_is_found(export: list[bytes]) -> None:
    whole = b"".join(export)
    for place in range(len(whole)):
        flip = (0x01, 0x20, 0x80)[place % 3]
        changed = whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :]
        with pytest.raises(verify.HistoryBroken):
            verify.verify_history(changed.splitlines(keepends=True), [], PUBLIC)


@pytest.mark.slow
def test_every_byte_that_is_left_out_or_put_in_is_found(export: list[bytes]) -> None:
    whole = b"".join(export)
    for place in range(len(whole)):
        for changed in (whole[:place] + whole[place + 1 :], whole[:place] + b" " + whole[place:]):
            with pytest.raises(verify.HistoryBroken):
                verify.verify_history(changed.splitlines(keepends=True), [], PUBLIC)


def test_no_line_may_go_come_twice_or_change_places(export: list[bytes]) -> None:
    for place in range(len(export)):
        assert not check(export[:place] + export[place + 1 :]).startswith("intact")
        assert not check(export[: place + 1] + export[place:]).startswith("intact")
        for other in range(place):
            swapped = export.copy()
            swapped[place], swapped[other] = export[other], export[place]
            assert not check(swapped).startswith("intact")


def test_verification_names_the_first_broken_place(export: list[bytes]) -> None:
    assert check(export[:3] + export[4:]) == "event 2 is missing: 3 is in its place"
    assert check([*export[:3], export[3].replace(b"page", b"scim"), *export[4:]]) == "event 2 was changed"
    assert "the tail is cut off after 4" in check(export[:-1])
    spaced = [*export[:4], export[4].replace(b":", b": ", 1), *export[5:]]
    assert check(spaced) == "line 5 (after event 2) is not canonical JSON"


@pytest.mark.parametrize(
    ("edit", "answer"),
    [
        (lambda found: found[1]["event"].update(verb="signed_in"), "the history up to 5 is not the one"),
        (lambda found: found.pop(1), "the tail is cut off after 4"),
        (lambda found: found.insert(2, found.pop(1)), "the history up to 5 is not the one"),
        (lambda found: found.append(found[0].copy()), "the last event is 6, but the first line says 5"),
    ],
)
def test_hashes_made_anew_do_not_help(export: list[bytes], edit: Callable[[Any], None], answer: str) -> None:
    assert answer in check(rewritten(export, edit))


def test_who_has_the_key_but_not_an_old_checkpoint_is_found(export: list[bytes], office: Provider) -> None:
    """The attacker controls database and application, and recomputes and signs everything again."""
    old = checkpoint(office.pk)
    forged = rewritten(export, lambda found: found[3]["event"].update(verb="user_blocked"))
    last = events(forged)[-1]
    head = json.loads(forged[0]) | {"head": checkpoints.sign_head(office.pk, chain.ChainHead(5, last["hash"]))}
    forged[0] = verify.encode_canonical_json(head) + b"\n"
    assert check(forged).startswith("intact"), "without an old checkpoint it cannot be found"
    assert check(forged, old) == "the history up to 5 is not the one of the checkpoint"


def test_an_old_checkpoint_finds_what_came_before_it_only(export: list[bytes], office: Provider, alice: User) -> None:
    old = checkpoint(office.pk)
    change(alice, "ten")
    newer = list(audit.export.begin_export(office, by=actor(alice)).lines())
    assert check(newer, old).startswith("intact: events up to 7")
    assert "the tail is cut off after 5" in check(export, checkpoint(office.pk))


def test_a_foreign_checkpoint_is_refused(export: list[bytes], charlie: User, office: Provider) -> None:
    change(charlie, "")
    assert "of another office" in check(export, checkpoint(charlie.provider_id))
    signed = checkpoint(office.pk)
    for name, value in (("sequence", 4), ("hash", "0" * 64), ("at", ""), ("signature", ""), ("sequence", True)):
        assert "checkpoint" in check(export, signed | {name: value})


def test_a_key_that_is_kept_back_is_missed(export: list[bytes]) -> None:
    assert "its key is missing, and no event says" in check([export[0], *export[2:]])


def test_a_key_of_another_user_is_detected(export: list[bytes], alice: User) -> None:
    other = json.loads(export[1]) | {"person_id": str(UserEncryptionKey.objects.exclude(user_id=alice.pk)[0].user_id)}
    assert "another user" in check([export[0], verify.encode_canonical_json(other) + b"\n", *export[2:]])


def test_a_start_that_was_not_signed_as_one_is_refused(export: list[bytes], office: Provider) -> None:
    """An ordinary old checkpoint does not justify omitting the events before it."""
    second = events(export)[1]
    head = json.loads(export[0]) | {"start": checkpoints.sign_head(office.pk, chain.ChainHead(2, second["hash"]))}
    assert "not one to start after" in check([verify.encode_canonical_json(head) + b"\n", export[1], *export[4:]])


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60) | st.recursive(st.none() | st.integers() | st.floats() | st.text(), st.lists).map(repr))
def test_nonsense_is_broken_and_no_fault(nonsense: bytes | str) -> None:
    raw = nonsense if isinstance(nonsense, bytes) else nonsense.encode(errors="surrogatepass")
    with pytest.raises(verify.HistoryBroken):
        verify.verify_history(raw.splitlines(keepends=True), [], PUBLIC)


@pytest.mark.parametrize(
    "value", [1, None, [], "", {"sealed": 1, "key": [], "person_id": None}, {"sealed": "", "key": "x"}]
)
@pytest.mark.parametrize("name", ["who", "what", "target_id", "provider_id", "verb"])
def test_nonsense_with_the_right_hash_is_no_fault(export: list[bytes], name: str, value: object) -> None:
    assert not check(rewritten(export, lambda found: found[1]["event"].update({name: value}))).startswith("intact")


@pytest.mark.slow
def test_verification_runs_without_the_application(export: list[bytes], office: Provider, tmp_path: Path) -> None:
    names = ("verify.py", "export.jsonl", "checkpoint.json", "public.pem")
    copy, file, signed, key = (tmp_path / name for name in names)
    copy.write_bytes(PROGRAM.read_bytes())
    signed.write_bytes(verify.encode_canonical_json(checkpoint(office.pk)) + b"\n")
    key.write_bytes(checkpoints.get_public_key_pem())

    def run(*names: Path) -> tuple[int, str]:
        command = [sys.executable, "-I", str(copy), *map(str, names)]
        done = subprocess.run(command, cwd=tmp_path, env={}, capture_output=True, text=True, check=False)
        assert done.stderr == ""
        return done.returncode, done.stdout.partition(":")[0]

    file.write_bytes(b"".join(export))
    assert run(file, signed, key) == (0, "intact")
    assert run(file, signed, signed, key) == (0, "intact")
    file.write_bytes(b"".join(export)[:-1])
    assert run(file, signed, key) == (1, "BROKEN")
    assert run(file, key) == (2, "usage")
    assert run(tmp_path / "nothing", signed, key) == (2, "cannot tell")
    assert run(file, signed, signed) == (2, "cannot tell")


def test_the_page_of_the_program_says_what_it_needs() -> None:
    source = PROGRAM.read_text()
    imports = {line.split()[1].split(".")[0] for line in source.splitlines() if line.startswith(("import ", "from "))}
    assert imports <= {*sys.stdlib_module_names, "cryptography"}


def test_it_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert verify.main(["--help"]) == 0
    assert "Exit code: 0 intact, 1 broken, 2 not verifiable" in capsys.readouterr().out
