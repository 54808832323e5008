"""E-mail about an ended impersonation."""

from accounts import emails
from accounts.models import User
from support.models import Impersonation


def send_impersonation_ended(user: User, impersonation: Impersonation) -> None:
    emails.send("impersonation_ended", user, kind="looked_along", impersonation=impersonation)
