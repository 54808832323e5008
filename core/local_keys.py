"""Generated keys for the demo, development and tests, kept next to their data."""

import base64
import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


@dataclass(frozen=True)
class LocalKeys:
    """The keys that production takes from LOKET_SECRET_KEY and LOKET_SEALING_KEYS."""

    secret_key: str
    sealing_key: str


def load_keys(folder: Path) -> LocalKeys:
    """Return the keys of `folder`, generated on first use and readable by their owner only (mode 0600).

    Safe to call from several processes at once: all get the keys that were written first.
    """

    def generate() -> str:
        return json.dumps({"secret_key": secrets.token_urlsafe(48), "sealing_key": _generate_key()})

    return LocalKeys(**json.loads(_load_or_generate(folder / "keys.json", generate)))


def load_demo_password(folder: Path) -> str:
    """Return the password of the demo administrators, stored like the keys."""

    def generate() -> str:
        syllables = "".join(secrets.choice("bdfghklmnprstvz") + secrets.choice("aeiou") for _syllable in range(6))
        return f"{syllables[:4]}-{syllables[4:8]}-{syllables[8:]}-{secrets.randbelow(10**4):04d}".title()

    return _load_or_generate(folder / "demo-password", generate)


def load_fake_entra_key(folder: Path) -> str:
    """Return the RSA key (PEM) of the fake Entra of the demo, stored like the keys."""

    def generate() -> str:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    return _load_or_generate(folder / "standin.pem", generate)


def load_checkpoint_key(folder: Path) -> str:
    """Return the key that signs checkpoints of the audit log, stored like the keys."""
    return _load_or_generate(folder / "checkpoint-key", _generate_key)


def _generate_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _load_or_generate(path: Path, generate: Callable[[], str]) -> str:
    if not path.exists():
        _write_once(path, generate())
    return path.read_text()


def _write_once(path: Path, text: str) -> None:
    """Write a file readable by its owner only (mode 0600), unless another process was first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    try:
        os.link(draft, path)  # unlike rename, this never replaces the file of the first process
    except FileExistsError:
        pass
    finally:
        draft.unlink()
