"""Catalog of notification types: name, description and default day (domain.md section 5)."""

from collections.abc import Iterable
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

MAX_DAYS = 99


class SignalType(StrEnum):
    """A type of event that users are notified of.

    `label` is its name, `says` its description in one sentence; `after` tells that its days count after the event
    instead of before it; `days` is the default until the office chooses. By default all are on, and none is e-mailed.
    """

    label: Promise
    says: Promise
    days: int
    after: bool

    def __new__(cls, code: str, label: str = "", says: str = "", days: int = 0, after: bool = False) -> "SignalType":
        member = str.__new__(cls, code)
        member._value_ = code
        member.label, member.says = label, says  # type: ignore[assignment]
        member.days, member.after = days, after
        return member

    # About the employee.
    BIRTHDAY = "birthday", _("Birthday (general)"), _("An employee has a birthday."), 7
    MILESTONE_BIRTHDAY = (
        "milestone_birthday",
        _("Birthday at 50, 55 and 59 to 65"),
        _("An employee reaches one of these ages."),
        14,
    )
    STATE_PENSION_AGE = (
        "state_pension_age",
        _("State pension age"),
        _("An employee reaches the age of the state pension."),
        90,
    )
    WEDDING_ANNIVERSARY = (
        "wedding_anniversary",
        _("Wedding anniversary"),
        _("An employee has been married for a round number of years."),
        14,
    )

    # About the employment.
    EMPLOYMENT_START = "employment_start", _("Start of employment"), _("An employee begins."), 7
    PROBATION_END = "probation_end", _("End of probation"), _("The probation of an employee ends."), 14
    FIXED_TERM_END = (
        "fixed_term_end",
        _("End of temporary contract"),
        _("A contract for a fixed period ends; the employee must hear a month before whether it is extended."),
        60,
    )
    EMPLOYMENT_END = "employment_end", _("End of employment"), _("An employee leaves."), 30
    SERVICE_ANNIVERSARY = (
        "service_anniversary",
        _("Service anniversary"),
        _("An employee has been employed for a round number of years."),
        30,
    )
    APPRAISAL = "appraisal", _("Appraisal"), _("An appraisal interview is due."), 14
    CERTIFICATE_EXPIRES = (
        "certificate_expires",
        _("Training or certificate expires"),
        _("A training or certificate of an employee has to be renewed."),
        60,
    )
    GARNISHMENT_END = (
        "garnishment_end",
        _("End of wage garnishment"),
        _("A garnishment of an employee's wage ends."),
        14,
    )

    # Documents that must be valid.
    IDENTITY_EXPIRES = (
        "identity_expires",
        _("Identity document expires"),
        _("The identity document of an employee is no longer valid."),
        60,
    )
    RESIDENCE_EXPIRES = (
        "residence_expires",
        _("Residence permit expires"),
        _("The residence permit of an employee is no longer valid."),
        90,
    )
    LICENCE_EXPIRES = (
        "licence_expires",
        _("Driving licence expires"),
        _("The driving licence of an employee is no longer valid."),
        60,
    )

    # Past events, and reminders set by users.
    SICKNESS = "sickness", _("Sickness reported"), _("An employee has been reported sick."), 0, True
    SICKNESS_MILESTONE = (
        "sickness_milestone",
        _("Milestone of the Gatekeeper Act"),
        _("A step in the recovery of a sick employee must be ready."),
        14,
    )
    DOCUMENT_ADDED = "document_added", _("Document added"), _("A document was added to a file."), 0, True
    OWN = "own", _("Own signal"), _("A day comes for which somebody asked a signal, in the own words."), 0


def known(codes: Iterable[str]) -> list[SignalType]:
    """Return the types with these `codes` in catalog order; unknown codes are left out."""
    wanted = set(codes)
    return [type_ for type_ in SignalType if type_ in wanted]
