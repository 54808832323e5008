"""Keys of an installation without an operator: demo, development and tests keep them beside their data."""

import base64
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Keys:
    """The keys that production takes from LOKET_SECRET_KEY and LOKET_SEALING_KEYS."""

    secret_key: str
    sealing_key: str


def kept_in(folder: Path) -> Keys:
    """Return the keys of `folder`, made on first use and readable by the owner only (mode 0600).

    Several processes may call this at once: all get the keys of the one that was first.
    """
    path = folder / "keys.json"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        fresh = Keys(secrets.token_urlsafe(48), base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
        draft = folder / f"keys.{os.getpid()}.{secrets.token_hex(4)}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(fresh.__dict__, file)
        try:
            os.link(draft, path)  # unlike rename, never replaces the keys of a process that was first
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return Keys(**json.loads(path.read_text()))
