"""Users of the example offices. All are fictional; every e-mail address ends in the reserved domain `.example`."""

from dataclasses import dataclass
from enum import Enum, auto

from accounts.user_details import UserDetails
from core.keys import compute_search_key


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


@dataclass(frozen=True)
class ExampleUser:
    """A fictional user: `days` since they came, `seen` in days since the last login (None: never).

    `two_factor` requires a second factor, `device` sets one up.
    """

    initials: str
    prefix: str
    last_name: str
    teams: tuple[str, ...] = ()
    place: str = "Utrecht"
    first_name: str = ""
    days: int = 300
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


_BEHEER, _NOORD, _ZUID, _ACCOUNTANTS = (
    (name,) for name in ("Beheer", "Loon Noord", "Loon Zuid", "Accountants")
)  # fmt: skip
ADMINISTRATOR = ExampleUser("M.", "", "Vermeer", _BEHEER, first_name="Maria", days=366, seen=0, device=True)
ACCEPTED_USERS = [
    ExampleUser(
        "J.P.", "van den", "Berg", _BEHEER, first_name="Jan Peter", days=361, seen=0, test_years=True, device=True
    ),
    ExampleUser("S.", "", "Bakker", _BEHEER, "Amersfoort", "Sanne", days=358, seen=0, device=True),
    ExampleUser("F.", "el", "Amrani", _ACCOUNTANTS, first_name="Fatima", days=352, seen=1),
    ExampleUser("T.", "de", "Jong", _ACCOUNTANTS, "Amersfoort", days=347, seen=1),
    ExampleUser("É.", "", "Dubois", _NOORD, first_name="Émile", days=333, seen=2, two_factor=True, device=True),
    ExampleUser("R.M.", "", "Hendriks", _NOORD, days=326, seen=3, device=True),
    ExampleUser("K.", "van", "Dijk", ("Loon Noord", "Loon Zuid"), "Hilversum", "Karin", days=319, seen=5, device=True),
    ExampleUser("W.", "", "Mulder", _ACCOUNTANTS, "Hilversum", days=291, seen=14, two_factor=True, device=True),
    ExampleUser("H.J.", "", "Smits", _ZUID, "Amersfoort", days=284, seen=190),
    ExampleUser("A.", "", "Yılmaz", _NOORD, "Utrecht", "Aylin", days=95, seen=6, device=True),
    ExampleUser("L.", "van der", "Meer", _ZUID, first_name="Lotte", days=60, seen=21),
    ExampleUser("B.", "", "Özdemir", _ZUID, days=12, seen=4),
]
IMPORTED_USERS = [  # in one file
    ExampleUser("C.", "", "Aalbers", _ACCOUNTANTS, "Hilversum", "Carlijn", seen=1),
    ExampleUser("P.", "", "Adriaanse", _ZUID, first_name="Peter", seen=2),
    ExampleUser("M.", "", "Benali", _NOORD, first_name="Mohamed", seen=0, device=True),
    ExampleUser("I.", "van den", "Brink", _ZUID, "Amersfoort", "Ilse", seen=8),
    ExampleUser("D.", "", "Claassen", _ACCOUNTANTS, first_name="Dirk", seen=3),
    ExampleUser("E.", "", "Dijkstra", _NOORD, "Hilversum", "Els", seen=5, device=True),
    ExampleUser("N.", "van", "Es", _ZUID, first_name="Noor", seen=11),
    ExampleUser("G.", "", "Faber", _ACCOUNTANTS, "Amersfoort", "Gijs", seen=2, device=True),
    ExampleUser("J.", "de", "Graaf", _ZUID, first_name="Joris", seen=1),
    ExampleUser("S.", "de", "Haan", _NOORD, "Hilversum", "Sofie", seen=6, device=True),
    ExampleUser("B.", "", "Ibrahim", _ZUID, first_name="Bilal", seen=4),
    ExampleUser("L.", "", "Jacobs", _ACCOUNTANTS, first_name="Laura", seen=13),
    ExampleUser("A.C.", "van", "Kampen", _ZUID, "Amersfoort", seen=7),
    ExampleUser("R.", "", "Lammers", _NOORD, first_name="Ruben", seen=0, device=True),
    ExampleUser("T.", "", "Meijer", _ACCOUNTANTS, "Hilversum", "Thomas", seen=9),
    ExampleUser("F.", "", "Nijhuis", _ZUID, first_name="Femke", seen=3, device=True),
    ExampleUser("O.", "", "Okafor", _ACCOUNTANTS, first_name="Oluchi", seen=2),
    ExampleUser("K.", "", "Postma", _ZUID, "Hilversum", "Klaas", seen=16),
    ExampleUser("W.", "", "Ruiter", _NOORD, first_name="Wouter", seen=1, device=True),
    ExampleUser("H.", "", "Sanders", _ACCOUNTANTS, "Amersfoort", "Hanneke", seen=5),
    ExampleUser("V.", "", "Timmer", _ZUID, first_name="Vera", seen=10),
    ExampleUser("Y.", "", "Wolters", _NOORD, "Hilversum", "Yara", seen=4, device=True),
]
FORMER_USERS = [  # three who were blocked, one whose end date has passed
    ExampleUser("V.", "", "Scholten", _BEHEER, days=330, seen=1, device=True),
    ExampleUser("B.", "", "Hofman", _ZUID, first_name="Bart", days=341, seen=120),
    ExampleUser("J.", "van", "Loon", _ACCOUNTANTS, "Amersfoort", "Jet", days=339, seen=60),
    ExampleUser("Q.", "", "Verhoeven", _ACCOUNTANTS, days=290, seen=3),
]
INVITED_USERS: list[tuple[ExampleUser, ExampleStatus]] = [
    (ExampleUser("P.", "de", "Boer", _ACCOUNTANTS, first_name="Pieter"), ExampleStatus.INVITED),
    (ExampleUser("I.", "", "Willems", _ZUID, "Amersfoort", "Iris", two_factor=True), ExampleStatus.INVITED),
    (ExampleUser("N.", "", "Kaya", _NOORD, first_name="Nadia"), ExampleStatus.INVITED),
    (ExampleUser("G.", "ter", "Horst", _ZUID, "Hilversum"), ExampleStatus.OPENED),
    (ExampleUser("D.", "", "Visser", _ACCOUNTANTS, first_name="Daan"), ExampleStatus.CODE_SENT),
    (ExampleUser("M.A.", "", "Peters", _ZUID), ExampleStatus.LOCKED),
    (ExampleUser("C.", "van", "Leeuwen", _NOORD, "Amersfoort"), ExampleStatus.EXPIRED),
    (ExampleUser("Y.", "", "Jansen", _ZUID, first_name="Yvonne"), ExampleStatus.REVOKED),
    (ExampleUser("O.", "", "Koster", _ACCOUNTANTS), ExampleStatus.BOUNCED),
    (ExampleUser("E.", "", "Maas", _ZUID, "Hilversum", "Eva"), ExampleStatus.FAILED),
    (ExampleUser("U.", "", "Veenstra", _ACCOUNTANTS, first_name="Ulrike"), ExampleStatus.REFUSED),
]
AZURE_USERS = [
    ExampleUser("N.", "", "Groen", _ACCOUNTANTS, first_name="Niels", days=311, seen=0),
    ExampleUser("R.", "van", "Rijn", _ACCOUNTANTS, "Amersfoort", "Roos", days=311, seen=4),
    ExampleUser("J.", "", "Evers", _ZUID, "Hilversum", "Jasper", days=245, seen=1),
    ExampleUser("M.", "", "Fokkema", _ACCOUNTANTS, first_name="Marit", days=210, seen=2),
    ExampleUser("S.", "", "Tahiri", _ZUID, "Amersfoort", "Samira", days=142, seen=1),
    ExampleUser("L.", "", "Zwart", _ACCOUNTANTS, first_name="Lucas", days=77, seen=6),
    ExampleUser("Z.", "", "Bouzid", (), "Hilversum", "Zakaria", days=9, seen=5),
]
# last name, address, username, teams
WEBSERVICE_USERS = [
    ("Exact koppeling", "ict@devries.example", "exact koppeling #2", ("Loon Noord", "Loon Zuid")),
    ("Portaal medewerkers", "ict@devries.example", "portaal.devries", ("Accountants",)),
    ("Webservice", "webservice@devries.example", "webservice-de-vries", ("Koppelingen",)),
]
OTHER_OFFICE_USERS = [
    ExampleUser("C.", "", "Smit", place="Zwolle", first_name="Carla", days=400, seen=2),
    ExampleUser("A.", "", "Prins", place="Zwolle", days=380, seen=8, device=True),
    ExampleUser("T.", "", "Dekker", place="Kampen", days=360, seen=11),
]
SUPPORT_USERNAME = "support"
