"""Verify an exported history without the application: `python verify.py export.jsonl checkpoint.json public.pem`.

This file needs only Python 3.11 and the package `cryptography`, so it can be copied. Several checkpoints may be given,
and older public keys after the first: a checkpoint is accepted when one of these keys signed it. The output is
*intact*, or names the first broken place.

Every line of an export is canonical JSON: keys sorted by code point, no spaces, UTF-8, only the escapes that JSON
requires, integers only. The first line holds the office, the signed checkpoint of the last line and, when older events
were removed after their retention period, the signed checkpoint that the export starts after. Then follow the keys of
the users who were not erased, sorted, and then a line for each event:

    {"event":{…},"hash":…,"previous":…,"sequence":…}

`hash` is the SHA-256 of the same line without it, `previous` the hash of the previous event (64 zeros for the first),
and `sequence` counts from 1. Personal data in `who`, `for_whom` and `what` of an event is encrypted with a key of that
user: AES-256-GCM, preceded by a nonce of 12 bytes, bound to event and part. For an erased user there is no key, but an
event that records the erasure. A checkpoint is signed with Ed25519 over its canonical JSON without `signature`.

Exit code: 0 intact, 1 broken, 2 not verifiable (wrong arguments, a missing file, a checkpoint from before the first
event).

With `--review review.json` before the others, an access review is checked as well, by `verify_review.py` beside this
file.
"""

import base64
import hashlib
import importlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_public_key

EXPORT_FORMAT = "loket-history-1"
ZERO_HASH = "0" * 64
ENCRYPTED_PARTS = ("who", "for_whom", "what")
ERASED_VERB = "user_erased"
_MAX_LINE_CHARS = 16 * 1024 * 1024  # characters per line
_EVENT_FIELDS = {
    "actor_id", "at", "correlation_id", "for_whom", "id", "on_behalf_of_id", "origin", "provider_id", "target_id",
    "target_kind", "verb", "what", "who",
}  # fmt: skip
_CHECKPOINT_FIELDS = {"at", "format", "hash", "kind", "provider_id", "sequence", "signature"}

# Called with the line of each event, and the part `what` of that event: decrypted, None for an erased user.
EventReader = Callable[[dict[str, Any], dict[str, Any] | None], object]


class HistoryBroken(Exception):
    """The history was altered; the message names the first broken place."""


class CannotVerify(Exception):
    """The history cannot be verified; the message says why."""


def _reject_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a whole number")


_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode
_decode = json.JSONDecoder(parse_float=_reject_number, parse_constant=_reject_number).decode


def encode_canonical_json(value: Any) -> bytes:
    """Return `value` as canonical JSON."""
    return _encode(value).encode()


def hash_event(event: dict[str, Any], previous: str, sequence: int) -> str:
    """Return the hexadecimal hash of the line of `event`."""
    return hashlib.sha256(
        encode_canonical_json({"event": event, "previous": previous, "sequence": sequence})
    ).hexdigest()


def encrypt_part(part: dict[str, Any], key: AESGCM, nonce: bytes, *, event_id: str, name: str) -> str:
    """Return `part` encrypted with a user's key."""
    return base64.b64encode(
        nonce + key.encrypt(nonce, encode_canonical_json(part), f"{event_id} {name}".encode())
    ).decode()


def decrypt_part(encrypted: str, key: AESGCM, *, event_id: str, name: str) -> dict[str, Any]:
    """Return the decrypted part `name` of an event. Raises InvalidTag, ValueError."""
    data = _decode_base64(encrypted)
    part: dict[str, Any] = json.loads(key.decrypt(data[:12], data[12:], f"{event_id} {name}".encode()))
    return part


def _decode_base64(text: str) -> bytes:
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("another spelling of the same base64")
    return data


def sign_checkpoint(checkpoint: dict[str, Any], key: Ed25519PrivateKey) -> dict[str, Any]:
    return checkpoint | {"signature": base64.b64encode(key.sign(encode_canonical_json(checkpoint))).decode()}


def check_signature(checkpoint: Any, *publics: Ed25519PublicKey) -> dict[str, Any]:
    """Return `checkpoint`. Raises HistoryBroken when it is incomplete or not signed by one of `publics`."""
    if (
        not isinstance(checkpoint, dict)
        or checkpoint.keys() != _CHECKPOINT_FIELDS
        or checkpoint["format"] != EXPORT_FORMAT
    ):
        raise HistoryBroken("a checkpoint is not whole")
    if type(checkpoint["sequence"]) is not int or not isinstance(checkpoint["signature"], str):
        raise HistoryBroken("a checkpoint is not one")
    signed = {name: value for name, value in checkpoint.items() if name != "signature"}
    for public in publics:
        try:
            public.verify(_decode_base64(checkpoint["signature"]), encode_canonical_json(signed))
        except (InvalidSignature, ValueError):
            continue
        return checkpoint
    raise HistoryBroken(f"the signature of the checkpoint of {checkpoint['sequence']} is wrong")


def parse_line(raw: bytes, place: str) -> dict[str, Any]:
    """Return the object of a line. Raises HistoryBroken unless it is canonical JSON."""
    try:
        value: Any = _decode(raw[:-1].decode())
        if raw[-1:] == b"\n" and isinstance(value, dict) and encode_canonical_json(value) == raw[:-1]:
            return value
    except (ValueError, RecursionError):
        pass
    raise HistoryBroken(f"{place} is not canonical JSON")


class _Verifier:
    """State of the verification after the last line read."""

    def __init__(
        self, head: dict[str, Any], checkpoints: Iterable[dict[str, Any]], *publics: Ed25519PublicKey,
        read_event: EventReader,
    ) -> None:  # fmt: skip
        self.read_event = read_event
        if head.keys() != {"format", "head", "provider_id", "start"} or head["format"] != EXPORT_FORMAT:
            raise HistoryBroken("the first line is not that of an exported history")
        self.provider_id = head["provider_id"]
        self.sequence, self.previous = 0, ZERO_HASH
        self.expected: dict[int, str] = {}
        self.keys: dict[str, tuple[AESGCM, str]] = {}
        self.unused: set[str] = set()
        self.missing: dict[str, int] = {}  # users without a key, with their first encrypted event
        self.erased: set[str] = set()
        self.after_keys, self.last_key = False, ""
        if head["start"] is not None:
            self._start(check_signature(head["start"], *publics))
        for checkpoint in [head["head"], *checkpoints]:
            self._expect(check_signature(checkpoint, *publics))
        self.end: int = head["head"]["sequence"]

    def _start(self, start: dict[str, Any]) -> None:
        if start["kind"] != "start" or start["provider_id"] != self.provider_id:
            raise HistoryBroken("the history starts after a checkpoint that is not one to start after")
        self.sequence, self.previous = start["sequence"], start["hash"]

    def _expect(self, checkpoint: dict[str, Any]) -> None:
        at, wanted = checkpoint["sequence"], checkpoint["hash"]
        if checkpoint["provider_id"] != self.provider_id:
            raise HistoryBroken(f"the checkpoint of {at} is of another office")
        if at < self.sequence:
            raise CannotVerify(f"the checkpoint of {at} is from before the first event, {self.sequence + 1}")
        if (at == self.sequence and wanted != self.previous) or self.expected.setdefault(at, wanted) != wanted:
            raise HistoryBroken(f"the history up to {at} is not the one of the checkpoint")

    def read(self, line: dict[str, Any], place: str) -> None:
        try:
            if line.keys() == {"event", "hash", "previous", "sequence"}:
                self._event(line["event"], line)
            elif line.keys() == {"id", "key", "person_id"}:
                self._key(line["id"], line, place)
            else:
                raise HistoryBroken(f"{place} is neither an event nor a key")
        except (KeyError, TypeError, AttributeError):
            raise HistoryBroken(f"{place} does not have what an event or a key has") from None

    def _key(self, key_id: str, line: dict[str, Any], place: str) -> None:
        if self.after_keys or key_id <= self.last_key:
            raise HistoryBroken(f"{place}: the keys are not in their order")
        try:
            self.keys[key_id] = AESGCM(_decode_base64(line["key"])), line["person_id"]
        except ValueError:
            raise HistoryBroken(f"{place} is not a key") from None
        self.unused.add(key_id)
        self.last_key = key_id

    def _event(self, event: dict[str, Any], line: dict[str, Any]) -> None:
        number = self.sequence + 1
        if type(line["sequence"]) is not int or line["sequence"] != number:
            raise HistoryBroken(f"event {number} is missing: {line['sequence']} is in its place")
        if line["previous"] != self.previous:
            raise HistoryBroken(f"event {number} does not follow on the one before it")
        if line["hash"] != hash_event(event, self.previous, number):
            raise HistoryBroken(f"event {number} was changed")
        if self.expected.pop(number, line["hash"]) != line["hash"]:
            raise HistoryBroken(f"the history up to {number} is not the one of the checkpoint")
        if event.keys() != _EVENT_FIELDS or event["provider_id"] != self.provider_id:
            raise HistoryBroken(f"event {number} is not an event of this office")
        self.sequence, self.previous, self.after_keys = number, line["hash"], True
        parts = {name: event[name] for name in ENCRYPTED_PARTS}
        for name, part in parts.items():
            if part is not None and "sealed" in part:
                parts[name] = self._open(part, event["id"], name)
        self.read_event(line, parts["what"])
        if event["verb"] == ERASED_VERB:
            self.erased.add(event["target_id"])

    def _open(self, part: dict[str, Any], event_id: str, name: str) -> dict[str, Any] | None:
        """Return the decrypted part, None without its key."""
        key, person_id = self.keys.get(part["key"], (None, ""))
        if key is None:
            self.missing.setdefault(part["person_id"], self.sequence)
            return None
        self.unused.discard(part["key"])
        try:
            opened = decrypt_part(part["sealed"], key, event_id=event_id, name=name)
        except (InvalidTag, ValueError):
            raise HistoryBroken(f"event {self.sequence} cannot be opened: its key was changed") from None
        if person_id != part["person_id"]:
            raise HistoryBroken(f"event {self.sequence}: its key is attributed to another user")
        return opened

    def finish(self) -> str:
        """Return the result after the last line. Raises HistoryBroken."""
        self.expected.pop(self.sequence, None)
        if self.expected:
            raise HistoryBroken(
                f"the tail is cut off after {self.sequence}: there is a checkpoint of {max(self.expected)}"
            )
        if self.sequence != self.end:
            raise HistoryBroken(f"the last event is {self.sequence}, but the first line says {self.end}")
        if self.unused:
            raise HistoryBroken(f"the key {min(self.unused)} is of no event")
        for person_id, number in self.missing.items():
            if person_id not in self.erased:
                raise HistoryBroken(f"event {number}: its key is missing, and no event says that its person was erased")
        return f"intact: events up to {self.sequence}, {len(self.missing)} people erased, head {self.previous}"


def verify_history(
    lines: Iterable[bytes], checkpoints: Iterable[dict[str, Any]], *publics: Ed25519PublicKey,
    read_event: EventReader = lambda *_event: None,
) -> str:  # fmt: skip
    """Return the result as text when the history is intact. Raises HistoryBroken, CannotVerify."""
    numbered = enumerate(lines, 1)
    head = parse_line(next(numbered, (1, b""))[1], "line 1")
    verifier = _Verifier(head, checkpoints, *publics, read_event=read_event)
    for number, raw in numbered:
        place = f"line {number} (after event {verifier.sequence})"
        verifier.read(parse_line(raw, place), place)
    return verifier.finish()


def _read_lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of `file`; a line too long for an event comes in pieces, which are rejected."""
    while line := file.readline(_MAX_LINE_CHARS):
        yield line


def _load_public_key(name: str) -> Ed25519PublicKey | None:
    """Return the key in a file, or None when the file holds something else."""
    data = Path(name).read_bytes()
    if not data.lstrip().startswith(b"-----BEGIN"):
        return None
    public = load_pem_public_key(data)
    if not isinstance(public, Ed25519PublicKey):
        raise CannotVerify(f"{name} is not an Ed25519 key")
    return public


def verify_files(names: list[str], read_event: EventReader = lambda *_event: None) -> str:
    """Return the result for an export, its checkpoints and public keys. Raises HistoryBroken, CannotVerify, OSError."""
    keys = {name: _load_public_key(name) for name in names[1:]}
    publics = [key for key in keys.values() if key is not None]
    if not publics or len(publics) == len(keys):
        raise CannotVerify("a checkpoint and a public key are needed")
    others = [name for name, key in keys.items() if key is None]
    checkpoints = [parse_line(Path(name).read_bytes().strip() + b"\n", name) for name in others]
    with open(names[0], "rb") as file:
        return verify_history(_read_lines(file), checkpoints, *publics, read_event=read_event)


def main(arguments: list[str] | None = None, verify: Callable[[list[str]], str] = verify_files) -> int:
    """Verify the files named in `arguments`, print the result and return the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if {"-h", "--help"} & set(arguments):
        print(__doc__)
        return 0
    if arguments[:1] == ["--review"]:
        beside = f"{__package__}.verify_review" if __package__ else "verify_review"
        return int(importlib.import_module(beside).main(arguments[1:]))
    if len(arguments) < 3:
        print("usage: python verify.py [--review review.json] export.jsonl checkpoint.json [checkpoint.json …]")
        print("       public.pem [older.pem …]")
        return 2
    try:
        print(verify(arguments))
    except HistoryBroken as broken:
        print(f"BROKEN: {broken}")
        return 1
    except (CannotVerify, OSError, ValueError) as error:
        print(f"cannot tell: {error}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
