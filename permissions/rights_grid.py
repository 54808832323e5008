"""Rights as a grid: a row per subject, with the rights to view and to manage it in columns. The field of every form."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.models import User
from permissions.catalog import Right, sort_rights
from permissions.models import Employer
from permissions.right_sources import HeldRight


class Subject(NamedTuple):
    """What rights are about.

    `verb` is what the right to manage permits, if it is something else than to manage: words of its label.
    """

    name: str | Promise
    view: Right | None
    manage: Right | None
    verb: str | Promise = ""


@dataclass(frozen=True)
class SubjectGroup:
    name: str | Promise
    ak_only: bool
    subjects: tuple[Subject, ...]


SUBJECT_GROUPS = (
    SubjectGroup(
        gettext_lazy("Office"),
        True,
        (
            Subject(pgettext_lazy("subject", "Office administration"), None, Right.MANAGE_PROVIDER),
            Subject(pgettext_lazy("subject", "Users"), Right.VIEW_USERS, Right.MANAGE_USERS),
            Subject(pgettext_lazy("subject", "Teams"), Right.VIEW_TEAMS, Right.MANAGE_TEAMS),
            Subject(
                pgettext_lazy("subject", "Individual rights"), None, Right.GRANT_RIGHTS, pgettext_lazy("verb", "Grant")
            ),
            Subject(pgettext_lazy("subject", "Sets"), None, Right.MANAGE_SETS),
            Subject(pgettext_lazy("subject", "Employers"), None, Right.MANAGE_EMPLOYERS),
            Subject(pgettext_lazy("subject", "Office notifications"), None, Right.MANAGE_SIGNALS),
            Subject(pgettext_lazy("subject", "Integrations"), None, Right.MANAGE_INTEGRATIONS),
            Subject(pgettext_lazy("subject", "History"), Right.VIEW_AUDIT, None),
            Subject(pgettext_lazy("subject", "Access"), None, Right.REVIEW_ACCESS, pgettext_lazy("verb", "Review")),
        ),
    ),
    SubjectGroup(
        gettext_lazy("Payroll of the office"),
        True,
        (
            Subject(pgettext_lazy("subject", "Pay models"), Right.VIEW_PAY_MODELS, Right.MANAGE_PAY_MODELS),
            Subject(
                pgettext_lazy("subject", "Payroll"),
                None,
                Right.RUN_PAYROLL_COLLECTIVELY,
                pgettext_lazy("verb", "Collective payroll"),
            ),
            Subject(
                pgettext_lazy("subject", "Tax returns of employers"),
                None,
                Right.FILE_TAX_COLLECTIVELY,
                pgettext_lazy("verb", "Collective"),
            ),
            Subject(
                pgettext_lazy("subject", "Pension returns of employers"),
                None,
                Right.FILE_PENSION_COLLECTIVELY,
                pgettext_lazy("verb", "Collective"),
            ),
            Subject(pgettext_lazy("subject", "Automatic processes"), None, Right.MANAGE_AUTOMATION),
            Subject(pgettext_lazy("subject", "E-mail texts and sender identities"), None, Right.MANAGE_EMAIL_TEXTS),
            Subject(pgettext_lazy("subject", "Office announcements"), None, Right.MANAGE_ANNOUNCEMENTS),
            Subject(pgettext_lazy("subject", "Billing"), Right.VIEW_BILLING, None),
        ),
    ),
    SubjectGroup(
        gettext_lazy("At employers"),
        True,
        (
            Subject(pgettext_lazy("subject", "Employer users"), None, Right.MANAGE_EMPLOYER_USERS),
            Subject(
                pgettext_lazy("subject", "Payroll administration"),
                Right.VIEW_ADMINISTRATION,
                Right.MANAGE_ADMINISTRATION,
            ),
            Subject(
                pgettext_lazy("subject", "Pension return"),
                None,
                Right.CREATE_PENSION_RETURN,
                pgettext_lazy("verb", "Create"),
            ),
        ),
    ),
    SubjectGroup(
        gettext_lazy("At employers"),
        False,
        (
            Subject(pgettext_lazy("subject", "Employer administration"), Right.VIEW_EMPLOYER, Right.MANAGE_EMPLOYER),
            Subject(pgettext_lazy("subject", "Employments"), Right.VIEW_EMPLOYMENTS, Right.MANAGE_EMPLOYMENTS),
            Subject(pgettext_lazy("subject", "Draft employees"), None, Right.MANAGE_CONCEPT_EMPLOYEES),
            Subject(pgettext_lazy("subject", "BSN"), None, Right.MANAGE_BSN, pgettext_lazy("verb", "View and manage")),
            Subject(pgettext_lazy("subject", "Wages"), Right.VIEW_WAGES, Right.MANAGE_WAGES),
            Subject(pgettext_lazy("subject", "HRM data"), Right.VIEW_HRM, None),
            Subject(pgettext_lazy("subject", "Fixed payroll data"), Right.VIEW_FIXED_DATA, Right.MANAGE_FIXED_DATA),
            Subject(pgettext_lazy("subject", "Variable data"), None, Right.MANAGE_VARIABLE_DATA),
            Subject(pgettext_lazy("subject", "Payroll tax returns"), Right.VIEW_TAX_RETURNS, None),
            Subject(pgettext_lazy("subject", "Payroll output"), Right.VIEW_PAYROLL_OUTPUT, None),
            Subject(
                pgettext_lazy("subject", "Journal run"), None, Right.EXPORT_JOURNAL, pgettext_lazy("verb", "Export")
            ),
            Subject(pgettext_lazy("subject", "Notifications"), None, Right.MANAGE_EMPLOYER_SIGNALS),
            Subject(
                pgettext_lazy("subject", "Leave requests"), None, Right.HANDLE_LEAVE, pgettext_lazy("verb", "Handle")
            ),
            Subject(pgettext_lazy("subject", "Employer file"), Right.VIEW_EMPLOYER_FILE, Right.MANAGE_EMPLOYER_FILE),
            Subject(pgettext_lazy("subject", "Employee file"), Right.VIEW_EMPLOYEE_FILE, Right.MANAGE_EMPLOYEE_FILE),
            Subject(
                pgettext_lazy("subject", "Documents"),
                None,
                Right.GENERATE_DOCUMENTS,
                pgettext_lazy("verb", "Generate documents"),
            ),
        ),
    ),
)


def describe_products(right: Right) -> list[str]:
    return [_("needs product %(product)s") % {"product": _name_products(right)}] if right.products else []


def _name_products(right: Right) -> str:
    """Name the product, or number those of which one is enough."""
    if len(right.products) == 1:
        return str(right.products[0].label)
    return " / ".join(str(product.value) for product in right.products)


@dataclass(frozen=True)
class RightCell:
    """The box of one right. `held` says by which teams a user has it; `is_stored` is what is saved now."""

    right: Right
    verb: str | Promise
    held: HeldRight | None
    is_checked: bool
    is_stored: bool
    is_editable: bool
    difference: str

    @property
    def is_on(self) -> bool:
        return self.is_checked or bool(self.held and (self.held.teams or self.held.implied))

    @property
    def is_locked(self) -> bool:
        """Whether the user who looks cannot revoke it."""
        return self.is_stored and not self.is_editable


@dataclass(frozen=True)
class SubjectRow:
    subject: Subject
    view: RightCell | None
    manage: RightCell | None
    notes: list[str]

    @property
    def cells(self) -> tuple[RightCell | None, RightCell | None]:
        return self.view, self.manage

    @property
    def explained(self) -> HeldRight | None:
        """The right of which the row links to the explanation."""
        held = [cell.held for cell in self.cells if cell is not None and cell.held is not None]
        return held[-1] if held else None


@dataclass(frozen=True)
class GridGroup:
    group: SubjectGroup
    rows: list[SubjectRow]

    @property
    def cells(self) -> list[RightCell]:
        return [cell for row in self.rows for cell in row.cells if cell is not None]

    @property
    def on_count(self) -> int:
        return sum(cell.is_on for cell in self.cells)


@dataclass
class GridContents:
    """What a grid shows beside its boxes.

    `stored` are the rights that are saved, `held` those of a user with their sources, `covered` those that the teams of
    the user give wherever the individual right would count. Links lead to the explanation for `colleague`.
    `differences` says of rights that one of two users has, which of them does; it is for a grid that is only read.
    """

    stored: frozenset[Right] = frozenset()
    held: Mapping[Right, HeldRight] = field(default_factory=dict)
    covered: frozenset[Right] = frozenset()
    colleague: User | None = None
    may_see_teams: bool = False
    marks_changes: bool = False
    differences: Mapping[Right, str] | None = None
    describe: Callable[[Right], Sequence[str]] = describe_products

    def build_groups(self, checked: Iterable[str], givable: Iterable[str]) -> list[GridGroup]:
        chosen, offered = set(checked), set(givable)

        def build_cell(right: Right | None, verb: str | Promise) -> RightCell | None:
            if right is None:
                return None
            held, is_stored = self.held.get(right), right in self.stored
            is_given = right in self.covered or bool(held and held.implied)
            return RightCell(
                right=right,
                verb=verb,
                held=held,
                is_checked=right in chosen,
                is_stored=is_stored,
                is_editable=right in offered and (is_stored or not is_given),
                difference=(self.differences or {}).get(right, ""),
            )

        def build_row(subject: Subject) -> SubjectRow:
            rights = [right for right in (subject.view, subject.manage) if right is not None]
            notes = list(dict.fromkeys(note for right in rights for note in self.describe(right)))
            return SubjectRow(subject, build_cell(subject.view, ""), build_cell(subject.manage, subject.verb), notes)

        return [GridGroup(group, [build_row(subject) for subject in group.subjects]) for group in SUBJECT_GROUPS]


def describe_held_rights(held: Mapping[Right, HeldRight]) -> Callable[[Right], Sequence[str]]:
    return lambda right: held[right].reach_limitations if right in held else []


def describe_team_products(employers: Iterable[Employer]) -> Callable[[Right], Sequence[str]]:
    """Return a description of rights that have no effect at some of the `employers` of a team."""
    products = [employer.products for employer in employers]

    def describe(right: Right) -> list[str]:
        if not products:
            return describe_products(right)
        without = sum(not right.works_with(enabled) for enabled in products)
        values = {"count": without, "total": len(products), "product": _name_products(right)}
        return [_("%(count)s of %(total)s without product %(product)s") % values] if without else []

    return describe


class RightsGrid(forms.CheckboxSelectMultiple):
    """The grid of all rights; the choices are those that can be changed."""

    template_name = "permissions/rights_grid.html"

    def __init__(self, attrs: dict[str, Any] | None = None, choices: Any = ()) -> None:
        super().__init__(attrs, choices)
        self.contents = GridContents()

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        groups = self.contents.build_groups(map(str, value or ()), (str(code) for code, _label in self.choices))
        cells = [cell for group in groups for cell in group.cells]
        return context | {
            "contents": self.contents,
            "groups": groups,
            "opens_all": not any(cell.is_on for cell in cells),
            "total": len(cells),
            "on_count": sum(cell.is_on for cell in cells),
        }


class RightsField(forms.MultipleChoiceField):
    def __init__(self, *, label: Any) -> None:
        super().__init__(label=label, required=False, widget=RightsGrid)

    @property
    def grid(self) -> RightsGrid:
        return cast(RightsGrid, self.widget)

    def set_choices(self, rights: Iterable[Right], contents: GridContents | None = None) -> None:
        self.choices = [(right.value, right.label) for right in sort_rights(frozenset(rights))]
        self.grid.contents = contents or GridContents()
