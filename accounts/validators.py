"""Rules about the fields of a user that pages, web service, actions and imports share."""

from datetime import date

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import LoginMethod, User
from core.keys import compute_username_key, encode_domain, is_blank
from core.text import validate_no_control_characters

MAX_USERNAME_LENGTH = 50


def validate_access_until(last_day: date | None, *, stored: date | None = None) -> None:
    """Raise ValidationError ("past") for a day that has passed, unless it is the stored one."""
    if last_day is not None and last_day < timezone.localdate() and last_day != stored:
        raise ValidationError(_("This date is in the past. To end access now, block the account."), code="past")


def validate_has_access(user: User) -> None:
    """Raise ValidationError ("no_access") for a user without access, who cannot be invited."""
    if user.is_denied_access:
        message = _("%(name)s is blocked, or the last day of access has passed. Change that first.")
        raise ValidationError(message, code="no_access", params={"name": user.full_name})


def validate_two_factor_required(required: object, login_method: str) -> None:
    """Raise ValidationError ("two_factor_required") when a login method cannot require two-factor (rule 2)."""
    if required and login_method != LoginMethod.WEBSITE_SSO:
        message = _("Two-factor authentication can only be required for users via website and SSO.")
        raise ValidationError(message, code="two_factor_required")


def validate_username(username: str) -> None:
    """Raise ValidationError unless `username` has 3 to 50 visible characters ("length") and no control characters.

    Every other character is allowed (seed article), but no spaces at the start or end ("spaces").
    """
    if len(username) > MAX_USERNAME_LENGTH or len(compute_username_key(username)) < 3:
        raise ValidationError(_("Use 3 to 50 characters."), code="length")
    if is_blank(username[0]) or is_blank(username[-1]):
        raise ValidationError(_("Remove the space at the beginning or end."), code="spaces")
    validate_no_control_characters(username)


def validate_email_domain(address: str) -> None:
    """Raise ValidationError ("invalid") for a domain that cannot be registered: one with a symbol, or an IP address."""
    domain = address.rpartition("@")[2]
    if domain.startswith("[") or not encode_domain(domain).isascii():
        raise ValidationError(EmailValidator.message, code="invalid")


def build_username_taken_error() -> ValidationError:
    return ValidationError(_("This username is taken. Choose another one."), code="taken")


def build_account_taken_error() -> ValidationError:
    message = _("Another user already has this Microsoft account. Check the User ID.")
    return ValidationError(message, code="account_taken")
