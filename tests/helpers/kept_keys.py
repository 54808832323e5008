"""Key pairs that are made once per run: an RSA key takes up to 100 ms of CPU time, and many tests need one."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings

from oauth import signing_keys
from senders import signing

_kept: dict[tuple[object, ...], object] = {}


def _keep(generate: Callable[..., Any]) -> Callable[..., Any]:
    """Return `generate` with the same keys in the same order as before, so that those of one test differ."""
    calls: Counter[tuple[object, ...]] = Counter()

    def generate_or_reuse(*arguments: object, **options: object) -> object:
        call = (generate, *arguments, *options.items(), *settings.LOKET_SEALING_KEYS)
        calls[call] += 1
        key = (calls[call], *call)
        if key not in _kept:
            _kept[key] = generate(*arguments, **options)
        return _kept[key]

    return generate_or_reuse


@contextmanager
def kept_keys() -> Iterator[None]:
    """Let OpenID Connect and DKIM use keys that an earlier test generated."""
    with (
        patch.object(signing_keys, "generate_signing_key", _keep(signing_keys.generate_signing_key)),
        patch.object(signing, "rsa", SimpleNamespace(generate_private_key=_keep(rsa.generate_private_key))),
    ):
        yield
