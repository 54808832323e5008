"""Errors of the flow at Microsoft, and the pages that explain them."""

from enum import Enum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User


class Page(Enum):
    """HTTP status, title and advice of an error page."""

    def __init__(self, status: int, title: Promise, advice: Promise) -> None:
        self.status, self.title, self.advice = status, title, advice

    ASK_OFFICE = (
        403,
        _("You cannot log in with this Microsoft account"),
        _("Ask an administrator of your office for access. Or choose another Microsoft account."),
    )
    CANCELLED = (
        400,
        _("You stopped at Microsoft"),
        _("Nothing has happened. You can log in whenever you like."),
    )
    START_AGAIN = (
        400,
        _("Start again"),
        _("This sign-in took too long, was used already, or began in another browser. Start again from here."),
    )
    UNREACHABLE = (
        502,
        _("Signing in at Microsoft does not work at the moment"),
        _("Try again in a few minutes. Does it last? Then tell an administrator of your office."),
    )
    CLOCKS = (
        502,
        _("The clocks do not agree"),
        _("Microsoft's answer bears a time that cannot be right. Try again. Does it last? Then tell an administrator."),
    )
    OUR_SECRET = (
        502,
        _("Signing in with Microsoft is out of order"),
        _("Microsoft no longer accepts our own credentials. Tell an administrator, who can have them renewed."),
    )
    NOT_TRUSTED = (
        400,
        _("We do not trust this answer"),
        _("What came back from Microsoft cannot be verified. Start again. Does it last? Then tell an administrator."),
    )
    OTHER_TENANT = (
        400,
        _("That was another tenant"),
        _("The tenant has not been confirmed: the Microsoft account that you chose does not belong to it."),
    )
    NOT_CONFIRMED = (
        400,
        _("This does not confirm that it is you"),
        _("Log in at Microsoft anew, with the account that you use here, and type your password there."),
    )


class Refused(Exception):
    """The flow at Microsoft failed.

    `reason` is a code for log and audit trail, `user` the user if known.
    """

    def __init__(self, page: Page, reason: str, user: User | None = None) -> None:
        super().__init__(reason)
        self.page, self.reason, self.user = page, reason, user


_CLOCK = frozenset({"expired", "not_yet_valid"})


def of_token(reason: str) -> Refused:
    """Return the error for an ID token that is invalid for `reason`."""
    return Refused(Page.CLOCKS if reason in _CLOCK else Page.NOT_TRUSTED, reason)
