"""Password hashing and password rules."""

import os
import secrets
import threading
import unicodedata
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import cache

from argon2.low_level import hash_secret
from django.contrib.auth.hashers import Argon2PasswordHasher, check_password, make_password
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from accounts import password_strength
from accounts.models import User
from accounts.password_strength import PasswordContext as PasswordContext
from core.keys import compute_search_key, normalize_password

MIN_PASSWORD_LENGTH, MAX_PASSWORD_LENGTH = 8, 255
MAX_PASSWORD_AGE = timedelta(days=180)  # the seed article advises regular changes, without a period
_UNAMBIGUOUS_CHARS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"  # without 0 and O, or 1, I and l
_hashing_slots = threading.BoundedSemaphore(2)


class Argon2id(Argon2PasswordHasher):
    """Argon2id with 19 MiB, two passes and one lane (rule 7)."""

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1


@cache
def _make_dummy_hash() -> str:
    return make_password("nobody has this password")


def verify_password(password: str, stored: str | None, *, previous: str = "") -> bool:
    """Return whether `password` matches the hash `stored`, or the hash `previous` that `stored` was made `like`.

    Without a usable hash the same work is done, so that timing reveals nothing. At most two verifications run at a time
    in a process.
    """
    usable = stored if stored is not None and stored.startswith("argon2") else None
    with _hashing_slots:
        if usable is not None and previous:
            hashed = _compute_hash(password, like=usable)
            return any([constant_time_compare(hashed, usable), constant_time_compare(hashed, previous)])
        matches = check_password(normalize_password(password), usable or _make_dummy_hash())
    return matches and usable is not None


def hash_passwords(passwords: Iterable[str]) -> list[str]:
    """Return the hash of each of `passwords`, computed on all cores: for commands, not for requests."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(threads.map(make_password, map(normalize_password, passwords)))


def hash_password(password: str, *, like: str = "") -> str:
    """Return the hash of `password`; with the salt of the hash `like`, one verification compares with both."""
    with _hashing_slots:
        return _compute_hash(password, like=like) if like else make_password(normalize_password(password))


def _compute_hash(password: str, *, like: str) -> str:
    """Return the hash of `password` with the salt and the parameters of the hash `like`."""
    found = Argon2id().decode(like)
    parameters, salt = found["params"], found["salt"].encode("latin1")
    hashed = hash_secret(
        normalize_password(password).encode(), salt, parameters.time_cost, parameters.memory_cost,
        parameters.parallelism, parameters.hash_len, parameters.type, parameters.version,
    )  # fmt: skip
    return f"{Argon2id.algorithm}{hashed.decode()}"


def count_character_classes(password: str) -> int:
    """Return how many of four character classes occur: uppercase, lowercase, digit, other (seed article)."""
    return sum(
        (
            any(char.isupper() for char in password),
            any(char.islower() for char in password),
            any(char.isdigit() for char in password),
            any(not unicodedata.category(char).startswith("L") and not char.isdigit() for char in password),
        )
    )


def validate_password(password: str, *, about: PasswordContext) -> None:
    """Validate a new password: 8-255 characters, three of four classes, not common, not built from the user's data.

    Raises ValidationError with every error found (codes "length", "control_characters", "classes", "common", "personal"
    and "similar"). The rules apply to the password as it is hashed, see `core.keys.normalize_password`.
    """
    password = normalize_password(password)
    faults = []
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        faults.append(ValidationError(_("Use 8 to 255 characters."), code="length"))
    if "\x00" in password:
        faults.append(ValidationError(_("Remove the invisible control characters."), code="control_characters"))
    if count_character_classes(password) < 3:
        message = _("Use at least three of these four: uppercase letter, lowercase letter, digit, special character.")
        faults.append(ValidationError(message, code="classes"))
    if password_strength.is_common_password(password):
        faults.append(ValidationError(_("This password is too common. Choose another one."), code="common"))
    elif _resembles_user_data(password, about.own):
        message = _("This is too similar to your name, username or e-mail address. Choose another password.")
        faults.append(ValidationError(message, code="similar"))
    elif guessed := password_strength.explain_weakness(password, about):
        code, parts = guessed
        message = _(
            "This password is easy to guess: it consists of %(parts)s. Choose words unrelated to you, the office or"
            " the date."
        )
        faults.append(ValidationError(message, code=code, params={"parts": parts}))
    if faults:
        raise ValidationError(faults)


def is_password_old(changed_at: datetime | None) -> bool:
    return changed_at is None or timezone.now() - changed_at > MAX_PASSWORD_AGE


def build_password_context(user: User, *, username: str = "") -> PasswordContext:
    """Return what a password of `user` must not be built from; `username` is one that is being chosen."""
    own = [user.initials, user.first_name, user.last_name, user.email, user.username or "", username]
    return PasswordContext(own, "" if user.provider_id is None else user.office.name)


def generate_password() -> str:
    """Return a random password of 115 bits that can be read aloud: four groups of five, with all four classes."""
    while True:
        groups = ["".join(secrets.choice(_UNAMBIGUOUS_CHARS) for _char in range(5)) for _group in range(4)]
        if count_character_classes(password := "-".join(groups)) == 4:
            return password


def _resembles_user_data(password: str, about: Iterable[str]) -> bool:
    """Return whether a name makes up at least half of the password."""
    folded = compute_search_key(password)
    words = {
        compute_search_key(word) for text in about for word in [text, *text.replace("@", " ").replace(".", " ").split()]
    }
    return any(len(word) >= 4 and word in folded and len(word) * 2 >= len(folded) for word in words)


def make_unusable_password() -> str:
    return make_password(None)
