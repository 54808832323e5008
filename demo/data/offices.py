"""Example offices of the demo: users in every login method and status, created through the regular actions.

Rows are written directly only for what needs a browser or a mail server: the last login and the delivery of messages.
"""

from datetime import timedelta

from django.db import transaction

import authentication.actions
import support.actions
import teams.actions
import users.actions
from accounts.models import Provider, User
from audit import chain
from demo.clock import get_real_now, set_clock
from demo.data import arrivals
from demo.data.arrivals import OPERATOR, build_actor
from demo.data.history import OfficeHistory
from demo.data.office_users import (
    ADMINISTRATOR,
    OTHER_OFFICE_USERS,
    SUPPORT_USERNAME,
    WEBSERVICE_USERS,
    ExampleUser,
)
from permissions.checks import Right

OTHER_OFFICE_NAME = "Kantoor Smit"
WEBSERVICE_USERNAME = WEBSERVICE_USERS[-1][2]


def ensure_example_offices(password: str) -> User:
    """Create both example offices and a support user unless offices exist; return the first administrator.

    `password` is set for the two administrators, the webservice user and the support user. Raises User.DoesNotExist in
    a database with other offices.
    """
    with transaction.atomic():
        if not Provider.objects.exists():
            _create_other_office(password)
            OfficeHistory(password).play()
            _create_support_user(password)
            chain.append_all_pending()
    administrator: User = User.objects.select_related("provider").get(username_key=ADMINISTRATOR.username)
    return administrator


def _create_other_office(password: str) -> None:
    """Create a small office that does not require two-factor."""
    with set_clock(get_real_now() - timedelta(days=OTHER_OFFICE_USERS[0].days)):
        office = users.actions.create_provider(OTHER_OFFICE_NAME, two_factor_managers=False, by=OPERATOR)
    unknown = arrivals.generate_unknown_password()
    for number, example in enumerate(OTHER_OFFICE_USERS):
        with set_clock(get_real_now() - timedelta(days=example.days)):
            user = _create_other_user(office, example, unknown if number else password)
            if not number:
                teams.actions.set_individual_rights(user, [Right.MANAGE_PROVIDER], by=OPERATOR)
        arrivals.record_last_login(user, example)


def _create_other_user(office: Provider, example: ExampleUser, password: str) -> User:
    user = arrivals.invite_user(office, example, by=OPERATOR, domain="smit.example")
    return arrivals.accept_invitation(user, example, password)


def _create_support_user(password: str) -> None:
    """Create a support user who has chosen a password through the e-mailed link."""
    user = support.actions.create_support_user(
        SUPPORT_USERNAME, initials="S.", prefix="", last_name="Hulst", email="s.hulst@loket.example", by=OPERATOR
    )
    authentication.actions.reset_password(user.password_resets.get(), password=password, by=build_actor(user))
    arrivals.set_delivery_state(user)
