"""Create an office of a given size in a new database: `python -m bench.office_data SIZE`."""

import random
import sys
from collections.abc import Iterator
from datetime import timedelta

import django
from django.core.management import call_command
from django.utils import timezone

django.setup()

from accounts import passwords  # noqa: E402
from accounts.models import LoginMethod, Provider, User  # noqa: E402
from core import db_roles  # noqa: E402
from invitations.models import Invitation  # noqa: E402
from outbox.models import Message  # noqa: E402
from permissions.checks import Right  # noqa: E402
from permissions.models import IndividualRight  # noqa: E402

_LAST_NAMES = ["Bakker", "de Boer", "van Dijk", "Özdemir", "Jansen", "Visser", "el Amrani", "Dubois", "Smits", "Mulder"]
_BATCH_SIZE = 5_000


def create_office(size: int) -> None:
    """Create an office of `size` users, one in seven still invited; `user0` is the administrator."""
    office = Provider.objects.create(name="Groot", established_at=timezone.now())
    hashed = passwords.hash_password("Zonnebloem-42")
    for start in range(0, size, _BATCH_SIZE):
        users = list(_iter_users(office, hashed, range(start, min(start + _BATCH_SIZE, size))))
        User.objects.bulk_create(users)
        _create_invitations(office, [user for user in users if user.accepted_at is None])
    with db_roles.use_owner_role():
        db_roles.execute_statements(["ANALYZE"])
    administrator = User.objects.get(username_key="user0")
    IndividualRight.objects.create(provider=office, user=administrator, right=Right.MANAGE_PROVIDER)


def _iter_users(office: Provider, hashed: str, numbers: range) -> Iterator[User]:
    chance, now = random.Random(numbers.start), timezone.now()
    for number in numbers:
        invited = number % 7 == 6
        user = User(
            provider=office,
            login_method=LoginMethod.WEBSITE_SSO if number % 20 or not number else LoginMethod.SSO_WEBSERVICE,
            username=f"user{number}",
            password=hashed,
            initials=chance.choice("ABCDEFGHJKLM") + ".",
            last_name=f"{chance.choice(_LAST_NAMES)} {number % 997}",
            email=f"user{number}@groot.example",
            accepted_at=now,
            last_login=now - timedelta(minutes=chance.randrange(500_000)),
        )
        if invited:
            user.login_method, user.username, user.accepted_at = LoginMethod.WEBSITE_SSO, None, None
            user.password, user.last_login = "!", None
        yield user


def _create_invitations(office: Provider, users: list[User]) -> None:
    now = timezone.now()
    mails = Message.objects.bulk_create(
        Message(channel="mail", kind="invitation", recipient=user.email, state="sent", provider_id=office.pk)
        for user in users
    )
    Invitation.objects.bulk_create(
        Invitation(
            provider=office,
            user=user,
            token_hash=user.pk.hex,
            encrypted_phone=b"sealed",
            email=user.email,
            message=mail,
            sent_at=now,
            expires_at=now + timedelta(days=4),
        )
        for user, mail in zip(users, mails, strict=True)
    )


if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    create_office(int(sys.argv[1]))
