"""Users of the example offices. All are fictional; every e-mail address ends in the reserved domain `.example`."""

from dataclasses import dataclass
from enum import Enum, auto

from accounts.user_details import UserDetails
from core.keys import compute_search_key
from permissions.checks import Right


class ExampleStatus(Enum):
    INVITED = auto()
    OPENED = auto()
    CODE_SENT = auto()
    LOCKED = auto()
    EXPIRED = auto()
    REVOKED = auto()
    BOUNCED = auto()
    FAILED = auto()
    REFUSED = auto()
    BLOCKED = auto()
    ENDED = auto()


@dataclass(frozen=True)
class ExampleUser:
    """A fictional user: `days` since creation, `seen` in days since the last login (None: never).

    `two_factor` requires a second factor, `device` sets one up.
    """

    initials: str
    prefix: str
    last_name: str
    place: str = "Utrecht"
    first_name: str = ""
    days: int = 400
    seen: int | None = None
    two_factor: bool = False
    device: bool = False
    test_years: bool = False

    @property
    def username(self) -> str:
        """Chosen username, such as 'j.vandenberg'."""
        return compute_search_key(self.initials.rstrip(".") + "." + self.prefix + self.last_name).replace(" ", "")

    @property
    def mobile(self) -> str:
        """A valid mobile number, the same at every call."""
        return f"+316{10_000_000 + sum(ord(char) * 7919 for char in self.last_name) % 8_999_999}"

    @property
    def invited_hours_ago(self) -> int:
        """Age of the invitation: more than an hour, less than two days."""
        return 2 + len(self.last_name) * 3

    def email(self, domain: str) -> str:
        return f"{self.username}@{domain}"

    def details(self, domain: str) -> UserDetails:
        details = UserDetails(
            initials=self.initials,
            first_name=self.first_name,
            prefix=self.prefix,
            last_name=self.last_name,
            email=self.email(domain),
            place_of_employment=self.place,
            has_access_to_test_years=self.test_years,
        )
        if self.two_factor:
            details["two_factor_required"] = True
        return details


_MANAGER_RIGHTS = [Right.VIEW_USERS, Right.MANAGE_USERS, Right.GRANT_RIGHTS, Right.VIEW_TEAMS]
ACCEPTED_USERS: list[tuple[ExampleUser, list[Right]]] = [
    (
        ExampleUser("J.P.", "van den", "Berg", first_name="Jan Peter", seen=0, test_years=True, device=True),
        _MANAGER_RIGHTS,
    ),
    (ExampleUser("S.", "", "Bakker", "Amersfoort", "Sanne", seen=0), [Right.VIEW_USERS, Right.MANAGE_USERS]),
    (ExampleUser("F.", "el", "Amrani", first_name="Fatima", seen=1), [Right.VIEW_USERS]),
    (ExampleUser("T.", "de", "Jong", "Amersfoort", seen=1), [Right.VIEW_USERS, Right.VIEW_AUDIT]),
    (ExampleUser("É.", "", "Dubois", first_name="Émile", seen=2, two_factor=True, device=True), []),
    (ExampleUser("R.M.", "", "Hendriks", seen=3), []),
    (ExampleUser("K.", "van", "Dijk", "Hilversum", "Karin", days=820, seen=5), []),
    (ExampleUser("A.", "", "Yılmaz", "Utrecht", "Aylin", days=95, seen=6), []),
    (ExampleUser("W.", "", "Mulder", "Hilversum", days=1300, seen=14, two_factor=True), [Right.VIEW_TEAMS]),
    (ExampleUser("L.", "van der", "Meer", first_name="Lotte", days=60, seen=21), []),
    (ExampleUser("H.J.", "", "Smits", "Amersfoort", days=2100, seen=190), []),
    (ExampleUser("B.", "", "Özdemir", days=12), []),
]
INVITED_USERS: list[tuple[ExampleUser, ExampleStatus]] = [
    (ExampleUser("P.", "de", "Boer", first_name="Pieter"), ExampleStatus.INVITED),
    (ExampleUser("I.", "", "Willems", "Amersfoort", "Iris", two_factor=True), ExampleStatus.INVITED),
    (ExampleUser("N.", "", "Kaya", first_name="Nadia"), ExampleStatus.INVITED),
    (ExampleUser("G.", "ter", "Horst", "Hilversum"), ExampleStatus.OPENED),
    (ExampleUser("D.", "", "Visser", first_name="Daan"), ExampleStatus.CODE_SENT),
    (ExampleUser("M.A.", "", "Peters"), ExampleStatus.LOCKED),
    (ExampleUser("C.", "van", "Leeuwen", "Amersfoort"), ExampleStatus.EXPIRED),
    (ExampleUser("Y.", "", "Jansen", first_name="Yvonne"), ExampleStatus.REVOKED),
    (ExampleUser("O.", "", "Koster"), ExampleStatus.BOUNCED),
    (ExampleUser("E.", "", "Maas", "Hilversum", "Eva"), ExampleStatus.FAILED),
    (ExampleUser("U.", "", "Veenstra", first_name="Ulrike"), ExampleStatus.REFUSED),
    (ExampleUser("V.", "", "Scholten", days=700, seen=40), ExampleStatus.BLOCKED),
    (ExampleUser("Q.", "", "Verhoeven", days=900, seen=33), ExampleStatus.ENDED),
]
# last name, address, username
WEBSERVICE_USERS = [
    ("Exact koppeling", "ict@devries.example", "exact koppeling #2"),
    ("Portaal medewerkers", "ict@devries.example", "portaal.devries"),
]
AZURE_USERS = [
    ExampleUser("N.", "", "Groen", first_name="Niels", seen=0),
    ExampleUser("R.", "van", "Rijn", "Amersfoort", "Roos", seen=4),
    ExampleUser("Z.", "", "Bouzid", "Hilversum", "Zakaria"),
]
OTHER_OFFICE_USERS = [
    ExampleUser("C.", "", "Smit", "Zwolle", first_name="Carla", seen=2),
    ExampleUser("A.", "", "Prins", "Zwolle", seen=8),
    ExampleUser("T.", "", "Dekker", "Kampen", seen=11),
]
