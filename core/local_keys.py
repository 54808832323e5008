"""Generated keys for the demo, development and tests, kept beside their data."""

import base64
import json
import os
import secrets
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
    path = folder / "keys.json"
    if not path.exists():
        fresh = LocalKeys(secrets.token_urlsafe(48), base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
        _write_once(path, json.dumps(fresh.__dict__))
    return LocalKeys(**json.loads(path.read_text()))


def load_demo_password(folder: Path) -> str:
    """Return the password of the demo administrators, generated on first use and kept like the keys."""
    path = folder / "demo-password"
    if not path.exists():
        syllables = "".join(secrets.choice("bdfghklmnprstvz") + secrets.choice("aeiou") for _syllable in range(6))
        _write_once(path, f"{syllables[:4]}-{syllables[4:8]}-{syllables[8:]}-{secrets.randbelow(10**4):04d}".title())
    return path.read_text()


def load_fake_entra_key(folder: Path) -> str:
    """Return the RSA key (PEM) of the fake Entra of the demo, generated on first use and kept like the keys."""
    path = folder / "standin.pem"
    if not path.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        _write_once(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
    return path.read_text()


def load_checkpoint_key(folder: Path) -> str:
    """Return the key that signs checkpoints of the audit log, generated on first use and kept like the keys."""
    path = folder / "checkpoint-key"
    if not path.exists():
        _write_once(path, base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
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
