"""A year of the first example office: its users make it through the regular actions, under a moved clock."""

import csv
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import partial
from io import StringIO
from typing import Any
from uuid import UUID

from django.db.models import F
from django.utils import timezone

import authentication.microsoft.tenants
import imports.actions
import imports.runner
import invitations.actions
import teams.actions
import teams.employers
import users.actions
import users.login_methods
from accounts.models import ExternalTenant, Provider, User
from accounts.user_details import UserDetails
from audit import chain, checkpoints
from audit.actors import Actor
from demo.clock import get_real_now, set_clock
from demo.data import arrivals, duties, office_notifications, office_teams, reviews
from demo.data.arrivals import OPERATOR, build_actor, find_teams
from demo.data.office_users import (
    ACCEPTED_USERS,
    ADMINISTRATOR,
    AZURE_USERS,
    FORMER_USERS,
    IMPORTED_USERS,
    INVITED_USERS,
    WEBSERVICE_USERS,
    ExampleStatus,
    ExampleUser,
)
from outbox.models import Message
from permissions.catalog import Right
from permissions.models import Employer
from permissions.products import Product

OFFICE_NAME = "Administratiekantoor De Vries"
_IMPORT_COLUMNS = ("initials", "first_name", "prefix", "last_name", "email", "place_of_employment")
_TENANT_ID = UUID("6f1d7a52-38c4-4f0e-9b57-2a6f0c1f8e11")
_FIRST_EXTERNAL_ID = 0x2B1E9C04_77AD_4C3B_8D10_5E90F2A4C100


class OfficeHistory:
    """The events of the year, each with the number of days ago on which it happens."""

    def __init__(self, password: str) -> None:
        self._password, self._unknown = password, arrivals.generate_unknown_password()
        self._scenes: list[tuple[int, Callable[[], object]]] = []

    def play(self) -> None:
        """Create the office and let everything happen, the longest ago first."""
        with set_clock(_find_workday(ADMINISTRATOR.days)):
            self._office, self._maria = self._create_office()
        self._plan_setup()
        self._plan_arrivals()
        self._plan_changes()
        self._plan_departures()
        self._add(4, self._start_review)
        self._add(3, self._decide_some)
        for days in range(330, 0, -30):
            self._scenes.append((days, lambda: checkpoints.save_checkpoint_if_due(self._office.pk)))
        for days, scene in sorted(self._scenes, key=lambda item: -item[0]):
            with set_clock(_find_workday(days)):
                scene()
        self._invite_the_last()
        self._finish()

    def _create_office(self) -> tuple[Provider, User]:
        office = users.actions.create_provider(OFFICE_NAME, by=OPERATOR)
        team = teams.actions.create_team(office, name="Beheer", by=OPERATOR)
        teams.actions.set_team_rights(team, [Right.MANAGE_PROVIDER], by=OPERATOR)
        maria = arrivals.invite_user(office, ADMINISTRATOR, by=OPERATOR)
        return office, arrivals.accept_invitation(maria, ADMINISTRATOR, self._password)

    def _find(self, last_name: str) -> User:
        return User.objects.select_related("provider").get(provider=self._office, last_name=last_name)

    def _by(self, last_name: str = "Vermeer") -> Actor:
        return build_actor(self._find(last_name))

    def _add(self, days: int, scene: Callable[..., object], *values: object) -> None:
        self._scenes.append((days, partial(scene, *values)))

    def _plan_setup(self) -> None:
        self._add(365, lambda: office_teams.create_first_employers(self._office, by=self._by()))
        self._add(364, lambda: office_teams.create_sets_and_teams(self._office, by=self._by()))
        self._add(350, self._move, "Vermeer", ["Beheer", "Accountants"], "Berg")
        self._add(315, self._add_tenant)
        for number, days in zip(office_teams.LATER_NUMBERS, (270, 214, 163, 104, 71, 26), strict=True):
            self._add(days, self._add_employer, number)

    def _add_employer(self, number: int) -> None:
        office_teams.add_later_employer(self._office, number, by=self._by("Berg"))

    def _add_tenant(self) -> None:
        tenant = authentication.microsoft.tenants.add_tenant(
            self._office, name="De Vries Groep", tenant_id=_TENANT_ID, by=self._by()
        )
        authentication.microsoft.tenants.confirm_tenant(tenant, by=OPERATOR, how="support", reason="Example")

    def _plan_arrivals(self) -> None:
        for example in [*ACCEPTED_USERS, *FORMER_USERS]:
            self._add(example.days, self._let_arrive, example)
        for number, example in enumerate(AZURE_USERS):
            self._add(example.days, self._create_azure_user, example, number)
        for row in WEBSERVICE_USERS:
            self._add(200, self._create_webservice_user, *row)
            self._add(45, self._renew_password, row[0])
        self._add(IMPORTED_USERS[0].days, self._import_users)

    def _let_arrive(self, example: ExampleUser) -> None:
        """Invite a user, who accepts after some hours."""
        user = arrivals.invite_user(self._office, example, by=self._by())
        with set_clock(timezone.now() + timedelta(hours=1 + len(example.last_name))):
            arrivals.accept_invitation(user, example, self._unknown)

    def _create_azure_user(self, example: ExampleUser, number: int) -> None:
        by = self._by()
        user = users.login_methods.create_azure_user(
            self._office,
            details=example.details(arrivals.DOMAIN),
            username=example.email(arrivals.DOMAIN),
            tenant=ExternalTenant.objects.get(provider=self._office),
            external_user_id=UUID(int=_FIRST_EXTERNAL_ID + number),
            by=by,
        )
        teams.actions.change_teams(user, add=find_teams(self._office, example.teams), by=by)

    def _create_webservice_user(self, name: str, email: str, username: str, team_names: tuple[str, ...]) -> None:
        by, details = self._by("Berg"), UserDetails(initials="ICT", last_name=name, email=email)
        user = users.login_methods.create_webservice_user(
            self._office, details=details, username=username, password=arrivals.generate_unknown_password(), by=by
        )
        teams.actions.change_teams(user, add=find_teams(self._office, team_names), by=by)

    def _renew_password(self, name: str) -> None:
        password = self._password if name == "Webservice" else self._unknown
        users.login_methods.set_password(self._find(name), password=password, by=self._by("Berg"))

    def _import_users(self) -> None:
        """Import a file as the pages do; those in it accept in the days that follow."""
        by = self._by()
        job = imports.actions.create_user_import(
            self._maria, _build_import_file(), name="collega's.csv", invite=True, by=by
        )
        imports.runner.run_due_jobs()
        job.refresh_from_db()
        imports.actions.request_execution(job, by=by)
        imports.runner.run_due_jobs()
        for number, example in enumerate(IMPORTED_USERS):
            with set_clock(timezone.now() + timedelta(hours=2 + 3 * number)):
                arrivals.accept_invitation(self._find(example.last_name), example, self._unknown)

    def _plan_changes(self) -> None:
        self._add(255, self._edit, "Graaf", UserDetails(place_of_employment="Amersfoort"))
        self._add(240, self._change_team, "Loon Zuid", [Right.HANDLE_LEAVE])
        self._add(228, self._edit, "Dijkstra", UserDetails(phone_number="035 1234567"))
        self._add(182, self._rename_employer)
        self._add(150, self._change_team, "Loon Noord", [Right.HANDLE_LEAVE])
        self._add(118, self._require_two_factor, "Loon Noord")
        self._add(88, self._move, "Nijhuis", ["Loon Noord"])
        self._add(41, self._give_right, "Hendriks", Right.RUN_PAYROLL_COLLECTIVELY)
        self._add(63, self._edit, "Jong", UserDetails(first_name="Tessa"))
        self._add(24, lambda: duties.create_rules(self._office, by=self._by()))
        self._add(23, self._except_program)
        self._add(50, self._edit, "Okafor", UserDetails(access_until=_find_day(-75)))
        self._add(33, self._edit, "Timmer", UserDetails(access_until=_find_day(-40)))
        self._add(30, self._give_right, "Dubois", Right.VIEW_WAGES)  # a team gives it already: superfluous
        self._add(20, self._edit, "Verhoeven", UserDetails(access_until=_find_day(1)))
        self._add(6, self._ask_exception)
        self._add(5, lambda: office_notifications.create_example_notifications(self._office, by=OPERATOR))

    def _edit(self, last_name: str, details: UserDetails) -> None:
        user = self._find(last_name)
        users.actions.edit_user(user, details=details, email=user.email, version=user.version, by=self._by("Bakker"))

    def _change_team(self, name: str, further: list[Right]) -> None:
        """Give a team further rights, as its set has them from the first time on."""
        office_teams.extend_set_and_team(self._office, name, further, by=self._by())

    def _require_two_factor(self, name: str) -> None:
        (team,) = find_teams(self._office, [name])
        teams.actions.set_two_factor_required(team, required=True, version=team.version, by=self._by())

    def _move(self, last_name: str, team_names: list[str], by: str = "Bakker") -> None:
        teams.actions.set_teams(self._find(last_name), find_teams(self._office, team_names), by=self._by(by))

    def _rename_employer(self) -> None:
        employer = Employer.objects.get(provider=self._office, number=1022)
        teams.employers.update_employer(
            employer,
            number=employer.number,
            name="Brasserie De Veerman",
            products=[Product(number) for number in employer.products],
            version=employer.version,
            by=self._by("Berg"),
        )

    def _give_right(self, last_name: str, right: Right) -> None:
        teams.actions.give_individual_rights([self._find(last_name)], [right], by=self._by("Berg"))

    def _except_program(self) -> None:
        duties.request_exemption(
            self._find("Webservice"), "Leest de historie voor het archief.", _find_day(-200),
            by=self._by("Berg"), approver=self._by("Bakker"),
        )  # fmt: skip

    def _ask_exception(self) -> None:
        duties.request_exemption(
            self._find("Bakker"), "Vervangt Jan Peter tijdens zijn verlof.", _find_day(-90), by=self._by("Berg")
        )

    def _plan_departures(self) -> None:
        for last_name, days in (("Hofman", 112), ("Loon", 54)):
            self._add(days, self._block, last_name)

    def _block(self, last_name: str) -> None:
        users.actions.block_user(self._find(last_name), by=self._by("Bakker"))

    def _start_review(self) -> None:
        self._record_last_logins()
        (team,) = find_teams(self._office, ["Loon Noord"])
        self._review = reviews.start_review(
            self._office, [self._maria, self._find("Berg")], {team: self._find("Bakker")}, by=self._by()
        )

    def _decide_some(self) -> None:
        reviews.decide_some(self._review, self._find("Berg"), self._find("Dubois"))

    def _record_last_logins(self) -> None:
        for example in [ADMINISTRATOR, *ACCEPTED_USERS, *IMPORTED_USERS, *FORMER_USERS, *AZURE_USERS]:
            if User.objects.filter(provider=self._office, last_name=example.last_name).exists():
                arrivals.record_last_login(self._find(example.last_name), example)

    def _invite_the_last(self) -> None:
        """Invite those who have not accepted; the sender of one invitation is blocked since."""
        invited = []
        for example, status in INVITED_USERS:
            by = self._by("Scholten" if status == ExampleStatus.REFUSED else "Bakker")
            invited.append((arrivals.invite_to_status(self._office, example, status, by=by), status))
        with set_clock(get_real_now() - timedelta(hours=20)):
            self._block("Scholten")
        for user, status in invited:
            arrivals.bring_to_status(user, status, by=self._by("Bakker"))

    def _finish(self) -> None:
        """Do what the worker would have done, and what only a browser can do."""
        self._record_last_logins()
        programs = [username for _name, _email, username, _teams in WEBSERVICE_USERS]
        User.objects.filter(provider=self._office, username__in=programs).update(
            last_login=timezone.now() - timedelta(hours=1)
        )
        invitations.actions.expire_due_invitations()
        queued = Message.objects.filter(state=Message.State.QUEUED)
        queued.exclude(kind="invitation").update(
            state=Message.State.SENT, encrypted_body=None, attempts=1, sent_at=F("created_at") + timedelta(seconds=4)
        )
        chain.append_all_pending()


def _find_day(days: int) -> date:
    return timezone.localdate() - timedelta(days=days)


def _find_workday(days: int) -> datetime:
    """Return a moment in office hours `days` ago, on the Friday or Monday beside a weekend; differs by day."""
    moment = timezone.localtime(get_real_now() - timedelta(days=days))
    beside = {5: -1, 6: 1}.get(moment.weekday(), 0)
    return moment.replace(hour=9 + days % 7, minute=days * 7 % 60) + timedelta(days=beside)


def _build_import_file() -> bytes:
    out = StringIO()
    sheet = csv.writer(out, delimiter=";")
    sheet.writerow(["login_method", *_IMPORT_COLUMNS, "mobile_number", "teams"])
    for example in IMPORTED_USERS:
        details: dict[str, Any] = {**example.details(arrivals.DOMAIN)}
        values = [details[name] for name in _IMPORT_COLUMNS]
        sheet.writerow(["website_sso", *values, example.mobile, ", ".join(example.teams)])
    return out.getvalue().encode()
