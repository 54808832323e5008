"""The catalog of rights: the label, scope and required products of each (domain.md section 3.2)."""

from collections.abc import Container, Iterable
from enum import Enum, StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from permissions.products import Product


class RightLevel(Enum):
    """Whether a right applies to the office as a whole or at each employer of the user's teams."""

    PROVIDER = "provider"
    EMPLOYER = "employer"


_FILE_PRODUCTS = (Product.QWOATER_LITE, Product.QWOATER_EXTENDED)
_LEAVE_PRODUCTS = (Product.LEAVE_SCHEME, Product.LEAVE_REGISTRATION, Product.LEAVE_REQUESTS_ESS)
_PENSION_PRODUCTS = (Product.PENSION_RETURN, Product.PENSION_RETURN_APG, Product.PENSION_RETURN_UPA)
_OFFICE = (RightLevel.PROVIDER, True)
_EMPLOYER_AK_ONLY = (RightLevel.EMPLOYER, True)
_EMPLOYER = (RightLevel.EMPLOYER, False)


class Right(StrEnum):
    """A named permission that a user either has or does not have.

    `permits` describes it in one sentence. Users of an employer never hold a right that is `ak_only`. At an employer
    the right needs one of `products` to be enabled; if `products` is empty it needs none.
    """

    label: Promise
    permits: Promise
    level: RightLevel
    ak_only: bool
    products: tuple[Product, ...]

    def __new__(
        cls,
        code: str,
        label: str = "",
        permits: str = "",
        where: tuple[RightLevel, bool] = _OFFICE,
        products: tuple[Product, ...] = (),
    ) -> "Right":
        member = str.__new__(cls, code)
        member._value_ = code
        member.label, member.permits = label, permits  # type: ignore[assignment]
        member.level, member.ak_only = where
        member.products = products
        return member

    # Rights to administer the office; the first one includes the others.
    MANAGE_PROVIDER = (
        "manage_provider", _("Office administration"),
        _("All other rights, plus the office's settings, e-mail texts and policies."),
    )  # fmt: skip
    VIEW_USERS = "view_users", _("View users"), _("View the users of the office, with their status and details.")
    MANAGE_USERS = "manage_users", _("Manage users"), _("Invite, edit, block and unblock users.")
    VIEW_TEAMS = "view_teams", _("View teams"), _("View teams, their members and rights.")
    MANAGE_TEAMS = "manage_teams", _("Manage teams"), _("Create teams and manage their members.")
    GRANT_RIGHTS = (
        "grant_rights", _("Grant individual rights"),
        _("Grant users individual rights in addition to those of their teams."),
    )  # fmt: skip
    MANAGE_SETS = (
        "manage_sets", _("Manage sets"),
        _("Create and change the authorization sets and notification sets of the office."),
    )  # fmt: skip
    MANAGE_EMPLOYERS = "manage_employers", _("Manage employers"), _("Add employers and turn their products on and off.")
    MANAGE_SIGNALS = (
        "manage_signals", _("Manage office notifications"),
        _("Choose which notifications the office and its users receive."),
    )  # fmt: skip
    MANAGE_INTEGRATIONS = (
        "manage_integrations", _("Manage integrations"),
        _("Register and turn off integrations that use the web service."),
    )  # fmt: skip
    VIEW_AUDIT = "view_audit", _("View history"), _("See who changed what, and when.")
    REVIEW_ACCESS = (
        "review_access", _("Review access"),
        _("Confirm periodically that all users have the right access, and separate duties."),
    )  # fmt: skip

    # Payroll for the whole office, never for users of an employer.
    VIEW_PAY_MODELS = "view_pay_models", _("View pay models"), _("View the pay models that employers use.")
    MANAGE_PAY_MODELS = "manage_pay_models", _("Manage pay models"), _("Change the pay models that employers use.")
    RUN_PAYROLL_COLLECTIVELY = (
        "run_payroll_collectively", _("Collective payroll"), _("Run the payroll of several employers at once.")
    )  # fmt: skip
    FILE_TAX_COLLECTIVELY = (
        "file_tax_collectively", _("Collective payroll tax returns"),
        _("File the payroll tax returns of several employers at once."),
    )  # fmt: skip
    FILE_PENSION_COLLECTIVELY = (
        "file_pension_collectively", _("Collective pension returns"),
        _("File the pension returns of several employers at once."),
    )  # fmt: skip
    MANAGE_AUTOMATION = (
        "manage_automation", _("Manage automatic processes"), _("Schedule and stop automatic processes of the office.")
    )  # fmt: skip
    MANAGE_EMAIL_TEXTS = (
        "manage_email_texts", _("Manage e-mail texts and sender identities"),
        _("Change the texts and senders of payroll e-mails."),
    )  # fmt: skip
    MANAGE_ANNOUNCEMENTS = (
        "manage_announcements", _("Manage office announcements"), _("Read and handle office-level announcements.")
    )  # fmt: skip
    VIEW_BILLING = "view_billing", _("View billing"), _("View the charges billed to the office.")

    # At each employer, never for users of that employer.
    MANAGE_EMPLOYER_USERS = (
        "manage_employer_users", _("Manage employer users"), _("Invite and change the users of the employer."),
        _EMPLOYER_AK_ONLY,
    )  # fmt: skip
    VIEW_ADMINISTRATION = (
        "view_administration", _("View payroll administration"),
        _("View the setup and automatic processing of a payroll administration."), _EMPLOYER_AK_ONLY,
    )  # fmt: skip
    MANAGE_ADMINISTRATION = (
        "manage_administration", _("Manage payroll administration"),
        _("Set up a payroll administration and its automatic processing."), _EMPLOYER_AK_ONLY,
    )  # fmt: skip
    CREATE_PENSION_RETURN = (
        "create_pension_return", _("Create pension return"), _("Create and confirm pension returns."),
        _EMPLOYER_AK_ONLY, _PENSION_PRODUCTS,
    )  # fmt: skip

    # At each employer, also for users of that employer.
    MANAGE_EMPLOYER = (
        "manage_employer", _("Employer administration"),
        _("Change the employer's settings and delete notes written by others."), _EMPLOYER,
    )  # fmt: skip
    VIEW_EMPLOYER = "view_employer", _("View employer administration"), _("View the employer's settings."), _EMPLOYER
    VIEW_EMPLOYMENTS = "view_employments", _("View employments"), _("View employees and their employments."), _EMPLOYER
    MANAGE_EMPLOYMENTS = (
        "manage_employments", _("Manage employments"),
        _("Change employments: notice period, fixed-term contracts, postal address."), _EMPLOYER,
    )  # fmt: skip
    MANAGE_CONCEPT_EMPLOYEES = (
        "manage_concept_employees", _("Manage draft employees"), _("Prepare employees who have not started yet."),
        _EMPLOYER,
    )  # fmt: skip
    MANAGE_BSN = "manage_bsn", _("View and manage BSN"), _("View and change the citizen service number."), _EMPLOYER
    VIEW_WAGES = "view_wages", _("View wages"), _("View what employees earn."), _EMPLOYER
    MANAGE_WAGES = "manage_wages", _("Manage wages"), _("Change what employees earn."), _EMPLOYER
    VIEW_HRM = "view_hrm", _("View HRM data"), _("View HR data."), _EMPLOYER
    VIEW_FIXED_DATA = (
        "view_fixed_data", _("View fixed payroll data"), _("View the data that stays the same in every payroll run."),
        _EMPLOYER,
    )  # fmt: skip
    MANAGE_FIXED_DATA = (
        "manage_fixed_data", _("Manage fixed payroll data"),
        _("Change the data that stays the same in every payroll run."), _EMPLOYER,
    )  # fmt: skip
    MANAGE_VARIABLE_DATA = (
        "manage_variable_data", _("Manage variable data"), _("Enter hours, allowances and other data for a period."),
        _EMPLOYER,
    )  # fmt: skip
    VIEW_TAX_RETURNS = (
        "view_tax_returns", _("View payroll tax returns"), _("View payroll tax returns of the employer."), _EMPLOYER
    )  # fmt: skip
    VIEW_PAYROLL_OUTPUT = (
        "view_payroll_output", _("View payroll output"), _("View payslips and other output of a payroll run."),
        _EMPLOYER,
    )  # fmt: skip
    EXPORT_JOURNAL = (
        "export_journal", _("Export journal run"), _("Download the journal entries of a payroll run."), _EMPLOYER,
        (Product.JOURNAL,),
    )  # fmt: skip
    MANAGE_EMPLOYER_SIGNALS = (
        "manage_employer_signals", _("Manage notifications"),
        _("View and handle open actions and notifications of the employer."), _EMPLOYER, (Product.SIGNALS,),
    )  # fmt: skip
    HANDLE_LEAVE = (
        "handle_leave", _("Handle leave requests"), _("Approve or deny leave requests of employees."), _EMPLOYER,
        _LEAVE_PRODUCTS,
    )  # fmt: skip
    VIEW_EMPLOYER_FILE = (
        "view_employer_file", _("View employer file"), _("View the employer's file."), _EMPLOYER, _FILE_PRODUCTS
    )  # fmt: skip
    MANAGE_EMPLOYER_FILE = (
        "manage_employer_file", _("Manage employer file"), _("Change the file of the employer."), _EMPLOYER,
        _FILE_PRODUCTS,
    )  # fmt: skip
    VIEW_EMPLOYEE_FILE = (
        "view_employee_file", _("View employee file"), _("View the files of employees."), _EMPLOYER, _FILE_PRODUCTS
    )  # fmt: skip
    MANAGE_EMPLOYEE_FILE = (
        "manage_employee_file", _("Manage employee file"), _("Change the files of employees."), _EMPLOYER,
        _FILE_PRODUCTS,
    )  # fmt: skip
    GENERATE_DOCUMENTS = (
        "generate_documents", _("Dossier: generate documents"), _("Generate documents for a file from templates."),
        _EMPLOYER, (Product.QWOATER_DOCUMENTS,),
    )  # fmt: skip

    @property
    def is_office_admin_right(self) -> bool:
        """Whether the right administers the office and so is included in manage_provider."""
        return self in OFFICE_ADMIN_RIGHTS

    @property
    def granted_by(self) -> tuple["Right", ...]:
        return (Right.MANAGE_PROVIDER, self) if self in OFFICE_ADMIN_RIGHTS - {Right.MANAGE_PROVIDER} else (self,)

    def works_with(self, products: Iterable[int]) -> bool:
        return not self.products or not set(self.products).isdisjoint(products)


OFFICE_LEVEL_RIGHTS = frozenset(right for right in Right if right.level is RightLevel.PROVIDER)
EMPLOYER_LEVEL_RIGHTS = frozenset(Right) - OFFICE_LEVEL_RIGHTS
OFFICE_ADMIN_RIGHTS = frozenset(list(Right)[: list(Right).index(Right.REVIEW_ACCESS) + 1])  # the first group above
_RIGHT_CODES = {right.value for right in Right}


def rights_from_codes(codes: Iterable[str]) -> frozenset[Right]:
    """Return the rights with these `codes`, ignoring codes that the catalog no longer has."""
    return frozenset(Right(code) for code in codes if code in _RIGHT_CODES)


def sort_rights(rights: Container[str]) -> list[Right]:
    return [right for right in Right if right in rights]
