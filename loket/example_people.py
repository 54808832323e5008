"""Users of the example offices. All are fictional; every email address ends in the reserved domain `.example`."""

from dataclasses import dataclass
from enum import Enum, auto

from accounts.actions import Details
from loket.text import fold
from teams.rights import Right


class Status(Enum):
    """Status in which an example user is created."""

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
class Person:
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
        return fold(self.initials.rstrip(".") + "." + self.prefix + self.last_name).replace(" ", "")

    @property
    def mobile(self) -> str:
        """A valid mobile number, the same at every call."""
        return f"+316{10_000_000 + sum(ord(char) * 7919 for char in self.last_name) % 8_999_999}"

    @property
    def hours_ago(self) -> int:
        """Age of the invitation: more than an hour, less than two days."""
        return 2 + len(self.last_name) * 3

    def email(self, domain: str) -> str:
        return f"{self.username}@{domain}"

    def details(self, domain: str) -> Details:
        """Return the details as an administrator enters them."""
        details = Details(
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


_MANAGER = [Right.VIEW_USERS, Right.MANAGE_USERS, Right.GRANT_RIGHTS, Right.VIEW_TEAMS]
ACCEPTED: list[tuple[Person, list[Right]]] = [
    (Person("J.P.", "van den", "Berg", first_name="Jan Peter", seen=0, test_years=True, device=True), _MANAGER),
    (Person("S.", "", "Bakker", "Amersfoort", "Sanne", seen=0), [Right.VIEW_USERS, Right.MANAGE_USERS]),
    (Person("F.", "el", "Amrani", first_name="Fatima", seen=1), [Right.VIEW_USERS]),
    (Person("T.", "de", "Jong", "Amersfoort", seen=1), [Right.VIEW_USERS, Right.VIEW_AUDIT]),
    (Person("É.", "", "Dubois", first_name="Émile", seen=2, two_factor=True, device=True), []),
    (Person("R.M.", "", "Hendriks", seen=3), []),
    (Person("K.", "van", "Dijk", "Hilversum", "Karin", days=820, seen=5), []),
    (Person("A.", "", "Yılmaz", "Utrecht", "Aylin", days=95, seen=6), []),
    (Person("W.", "", "Mulder", "Hilversum", days=1300, seen=14, two_factor=True), [Right.VIEW_TEAMS]),
    (Person("L.", "van der", "Meer", first_name="Lotte", days=60, seen=21), []),
    (Person("H.J.", "", "Smits", "Amersfoort", days=2100, seen=190), []),
    (Person("B.", "", "Özdemir", days=12), []),
]
INVITED: list[tuple[Person, Status]] = [
    (Person("P.", "de", "Boer", first_name="Pieter"), Status.INVITED),
    (Person("I.", "", "Willems", "Amersfoort", "Iris", two_factor=True), Status.INVITED),
    (Person("N.", "", "Kaya", first_name="Nadia"), Status.INVITED),
    (Person("G.", "ter", "Horst", "Hilversum"), Status.OPENED),
    (Person("D.", "", "Visser", first_name="Daan"), Status.CODE_SENT),
    (Person("M.A.", "", "Peters"), Status.LOCKED),
    (Person("C.", "van", "Leeuwen", "Amersfoort"), Status.EXPIRED),
    (Person("Y.", "", "Jansen", first_name="Yvonne"), Status.REVOKED),
    (Person("O.", "", "Koster"), Status.BOUNCED),
    (Person("E.", "", "Maas", "Hilversum", "Eva"), Status.FAILED),
    (Person("U.", "", "Veenstra", first_name="Ulrike"), Status.REFUSED),
    (Person("V.", "", "Scholten", days=700, seen=40), Status.BLOCKED),
    (Person("Q.", "", "Verhoeven", days=900, seen=33), Status.ENDED),
]
# last name, address, username
WEBSERVICE = [
    ("Exact koppeling", "ict@devries.example", "exact koppeling #2"),
    ("Portaal medewerkers", "ict@devries.example", "portaal.devries"),
]
AZURE = [
    Person("N.", "", "Groen", first_name="Niels", seen=0),
    Person("R.", "van", "Rijn", "Amersfoort", "Roos", seen=4),
    Person("Z.", "", "Bouzid", "Hilversum", "Zakaria"),
]
SMIT = [
    Person("C.", "", "Smit", "Zwolle", first_name="Carla", seen=2),
    Person("A.", "", "Prins", "Zwolle", seen=8),
    Person("T.", "", "Dekker", "Kampen", seen=11),
]
