"""Mobile number, token, code and password are not readable anywhere, at any step."""

import json
import re

import pytest
from django.db import connection
from django.urls import reverse

from accounts.models import User
from invitations.models import InvitationCode
from tests.helpers.invited_users import Invited, invite

pytestmark = pytest.mark.django_db
PASSWORD = "Geheim!Bloemkool-77"


def dump() -> str:
    """Return every row of every table as text."""
    text = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                raw = [bytes(value) if isinstance(value, memoryview) else value for value in row]
                text += [value.decode("latin-1") if isinstance(value, bytes) else str(value) for value in raw]
    return "\n".join(text)


def step(invited: Invited, number: int) -> None:
    if number == 1:
        invited.post("send_code")
    elif number == 2:
        invited.post("enter_code", code=invited.wrong_code())
    elif number == 3:
        invited.post("enter_code", code=invited.last_code())
    elif number == 4:
        invited.post("create_account", username="x", password=PASSWORD, password_again=PASSWORD)
    elif number == 5:
        invited.post("create_account", username="p.deboer", password=PASSWORD, password_again=PASSWORD)


@pytest.mark.slow
def test_it_keeps_every_secret(
    alice: User, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    caplog.handler.level = 0
    invited = invite(alice)
    invited.client.get(reverse("invitations:open_link", args=["q" * 43]))
    invited.client.get(reverse("invitations:open_link", args=[invited.token]))
    secrets = {re.escape(one) for one in ("612345678", "6 12345678", invited.token, "q" * 43, PASSWORD)}
    for number in range(6):
        if number == 2:
            secrets.add(rf"(?<![\w.]){invited.last_code()}(?!\w)")  # not six digits of a hash or a timestamp
        step(invited, number)
        out = capfd.readouterr()
        # Statements logged in debug mode are not searched.
        logged = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("django.db"))
        found = dump() + logged + out.out + out.err
        assert not [secret for secret in secrets if re.search(secret, found)]
    assert invited.client.session["_auth_user_id"] == str(invited.invitation.user_id)
    assert json.dumps(dict(invited.client.session)).count(invited.token) == 0
    assert InvitationCode.objects.get().verified_at is not None
