"""Errors of the flow at Microsoft, and the pages that explain them."""

from enum import Enum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User


class ErrorPage(Enum):
    def __init__(self, status: int, title: Promise, advice: Promise) -> None:
        self.status, self.title, self.advice = status, title, advice

    ASK_OFFICE = (
        403,
        _("You cannot log in with this Microsoft account"),
        _("Ask an administrator of your office for access, or choose a different Microsoft account."),
    )
    CANCELLED = (
        400,
        _("You canceled the Microsoft login"),
        _("Nothing has changed. You can log in at any time."),
    )
    REFUSED_THERE = (
        403,
        _("Microsoft does not allow this login"),
        _(
            "The settings of your organization at Microsoft do not allow it: consent may be required, or this account"
            " has no access to Loket there. Tell an administrator of your office."
        ),
    )
    START_AGAIN = (
        400,
        _("Start again"),
        _("The login took too long, was already used, or started in another browser. Start again here."),
    )
    UNREACHABLE = (
        502,
        _("Microsoft login is unavailable at the moment"),
        _("Try again in a few minutes. If the problem persists, tell an administrator of your office."),
    )
    CLOCKS = (
        502,
        _("The clocks are out of sync"),
        _(
            "The response from Microsoft contains an invalid time. Try again. If the problem persists, tell an"
            " administrator of your office."
        ),
    )
    OUR_SECRET = (
        502,
        _("Microsoft login is not working"),
        _(
            "Microsoft no longer accepts Loket's own credentials. Tell an administrator of your office, who can have"
            " them renewed."
        ),
    )
    NOT_TRUSTED = (
        400,
        _("We cannot trust this response"),
        _(
            "The response from Microsoft cannot be verified. Start again. If the problem persists, tell an"
            " administrator of your office."
        ),
    )
    OTHER_TENANT = (
        400,
        _("That account belongs to a different tenant"),
        _("The tenant has not been confirmed: the Microsoft account you chose does not belong to it."),
    )
    NOT_CONFIRMED = (
        400,
        _("This does not confirm that it is you"),
        _("Log in with Microsoft again, using the account that you use here, and enter your password there."),
    )


class MicrosoftSignInError(Exception):
    """The flow at Microsoft failed.

    `reason` is a code for log and audit trail, `user` the user if known.
    """

    def __init__(self, page: ErrorPage, reason: str, user: User | None = None) -> None:
        super().__init__(reason)
        self.page, self.reason, self.user = page, reason, user


_CLOCK_REASONS = frozenset({"expired", "not_yet_valid"})


def build_token_error(reason: str) -> MicrosoftSignInError:
    return MicrosoftSignInError(ErrorPage.CLOCKS if reason in _CLOCK_REASONS else ErrorPage.NOT_TRUSTED, reason)
