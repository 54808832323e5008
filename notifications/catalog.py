"""Catalog of notification types: name, description and default day (domain.md section 5)."""

from collections.abc import Iterable
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

MAX_OFFSET_DAYS = 99


class NotificationType(StrEnum):
    """A type of event that users are notified of.

    `label` is its name, `says` its description in one sentence; `after` means that its days count after the event
    instead of before it; `days` is the default until the office chooses. By default, all types are on and none is
    e-mailed.
    """

    label: Promise
    says: Promise
    days: int
    after: bool

    def __new__(
        cls, code: str, label: str = "", says: str = "", days: int = 0, after: bool = False
    ) -> "NotificationType":
        member = str.__new__(cls, code)
        member._value_ = code
        member.label, member.says = label, says  # type: ignore[assignment]
        member.days, member.after = days, after
        return member

    # About the employee.
    BIRTHDAY = "birthday", _("Birthday (general)"), _("An employee has a birthday."), 7
    MILESTONE_BIRTHDAY = (
        "milestone_birthday", _("Birthday (50, 55 and 59 to 65)"), _("An employee reaches one of these ages."), 14
    )  # fmt: skip
    STATE_PENSION_AGE = ("state_pension_age", _("State pension age"), _("An employee reaches state pension age."), 90)
    WEDDING_ANNIVERSARY = (
        "wedding_anniversary", _("Wedding anniversary"), _("An employee celebrates a milestone wedding anniversary."),
        14,
    )  # fmt: skip

    # About the employment.
    EMPLOYMENT_START = "employment_start", _("Start of employment"), _("An employee starts."), 7
    PROBATION_END = "probation_end", _("End of probation"), _("An employee's probation ends."), 14
    FIXED_TERM_END = (
        "fixed_term_end", _("End of fixed-term contract"),
        _("A fixed-term contract ends. The employee must be told a month in advance whether it will be extended."), 60,
    )  # fmt: skip
    EMPLOYMENT_END = "employment_end", _("End of employment"), _("An employee leaves."), 30
    SERVICE_ANNIVERSARY = (
        "service_anniversary", _("Service anniversary"), _("An employee reaches a milestone in years of service."), 30
    )  # fmt: skip
    APPRAISAL = "appraisal", _("Performance review"), _("A performance review is due."), 14
    CERTIFICATE_EXPIRES = (
        "certificate_expires", _("Training or certificate expires"),
        _("An employee's training or certificate must be renewed."), 60,
    )  # fmt: skip
    GARNISHMENT_END = ("garnishment_end", _("End of wage garnishment"), _("An employee's wage garnishment ends."), 14)

    # Documents that must be valid.
    IDENTITY_EXPIRES = (
        "identity_expires", _("Identity document expires"), _("An employee's identity document is no longer valid."),
        60,
    )  # fmt: skip
    RESIDENCE_EXPIRES = (
        "residence_expires", _("Residence permit expires"), _("An employee's residence permit is no longer valid."), 90
    )  # fmt: skip
    LICENCE_EXPIRES = (
        "licence_expires", _("Driver's license expires"), _("An employee's driver's license is no longer valid."), 60
    )  # fmt: skip

    # Past events, and reminders set by users.
    SICKNESS = "sickness", _("Sick leave reported"), _("An employee has reported sick."), 0, True
    SICKNESS_MILESTONE = (
        "sickness_milestone", _("Gatekeeper Act milestone"), _("A reintegration step for a sick employee is due."), 14
    )  # fmt: skip
    DOCUMENT_ADDED = "document_added", _("Document added"), _("A document has been added to a file."), 0, True
    OWN = "own", _("Custom notification"), _("A date for which a user set a notification, in their own words."), 0


def filter_known_types(codes: Iterable[str]) -> list[NotificationType]:
    """Return the types with these `codes` in catalog order; unknown codes are left out."""
    known = set(codes)
    return [type_ for type_ in NotificationType if type_ in known]
