"""Password hashing and password rules."""

import os
import secrets
import threading
import unicodedata
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import cache

from django.contrib.auth.hashers import Argon2PasswordHasher, check_password, make_password
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import guessable
from accounts.guessable import About as About
from accounts.models import User
from loket.text import fold

MINIMUM, MAXIMUM = 8, 255
OLD = timedelta(days=180)  # the seed article advises regular changes, without a period
_UNAMBIGUOUS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"  # without 0 and O, or 1, I and l
_two_at_a_time = threading.BoundedSemaphore(2)


class Argon2id(Argon2PasswordHasher):
    """Argon2id with 19 MiB, two passes and one lane (rule 7)."""

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1


@cache
def _nobodys_hash() -> str:
    return make_password("nobody has this password")


def verify(password: str, stored: str | None) -> bool:
    """Return whether `password` matches the hash `stored`.

    Without a usable hash the same work is done, so that timing tells nothing. At most two verifications run at a time
    in a process.
    """
    usable = stored if stored is not None and stored.startswith("argon2") else None
    with _two_at_a_time:
        matches = check_password(password, usable or _nobodys_hash())
    return matches and usable is not None


def hashed_all(passwords: Iterable[str]) -> list[str]:
    """Return the hash of each of `passwords`, computed on all cores: for commands, not for requests."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(threads.map(make_password, passwords))


def hashed(password: str) -> str:
    with _two_at_a_time:
        return make_password(password)


def classes(password: str) -> int:
    """Return how many of four character classes occur: capital, small letter, digit, other (seed article)."""
    return sum(
        (
            any(char.isupper() for char in password),
            any(char.islower() for char in password),
            any(char.isdigit() for char in password),
            any(not unicodedata.category(char).startswith("L") and not char.isdigit() for char in password),
        )
    )


def check(password: str, *, about: About) -> None:
    """Validate a new password: 8-255 characters, three of four classes, not common, not built from the user's data.

    Raises ValidationError with every error found (codes "length", "control_characters", "classes", "common", "personal"
    and "similar").
    """
    faults = []
    if not MINIMUM <= len(password) <= MAXIMUM:
        faults.append(ValidationError(_("Use 8 to 255 characters."), code="length"))
    if "\x00" in password:
        faults.append(ValidationError(_("Remove the invisible control characters."), code="control_characters"))
    if classes(password) < 3:
        message = _("Use at least three of these four: uppercase letter, lowercase letter, digit, special character.")
        faults.append(ValidationError(message, code="classes"))
    if guessable.is_common(password):
        faults.append(ValidationError(_("This password is too common. Choose another one."), code="common"))
    elif _is_like(password, about.own):
        message = _("This is too similar to your name, username or e-mail address. Choose another password.")
        faults.append(ValidationError(message, code="similar"))
    elif guessed := guessable.explain(password, about):
        code, parts = guessed
        message = _(
            "This password is easy to guess: it consists of %(parts)s. Choose words unrelated to you, the office or"
            " the date."
        )
        faults.append(ValidationError(message, code=code, params={"parts": parts}))
    if faults:
        raise ValidationError(faults)


def is_old(changed_at: datetime | None) -> bool:
    """Return whether a password set at `changed_at` should be replaced."""
    return changed_at is None or timezone.now() - changed_at > OLD


def about_user(user: User, *, username: str = "") -> About:
    """Return what a password of `user` must not be built from; `username` is one that is being chosen."""
    own = [user.initials, user.first_name, user.last_name, user.email, user.username or "", username]
    return About(own, "" if user.provider_id is None else user.provider.name)


def generated() -> str:
    """Return a random password of 115 bits that can be read aloud: four groups of five, with all four classes."""
    while True:
        groups = ["".join(secrets.choice(_UNAMBIGUOUS) for _char in range(5)) for _group in range(4)]
        if classes(password := "-".join(groups)) == 4:
            return password


def _is_like(password: str, about: Iterable[str]) -> bool:
    """Return whether a name makes up at least half of the password."""
    folded = fold(password)
    words = {fold(word) for text in about for word in [text, *text.replace("@", " ").replace(".", " ").split()]}
    return any(len(word) >= 4 and word in folded and len(word) * 2 >= len(folded) for word in words)
