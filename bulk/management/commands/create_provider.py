import sys
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actions import Details
from accounts.forms.office import OfficeForm
from accounts.forms.people import WebsiteForm
from accounts.models import Provider
from audit.actors import operator
from bulk import offices
from invitations.phones import mobile_number


class Command(BaseCommand):
    """Create an office and invite its first administrator; idempotent."""

    help = "Create an office with its default team and invite its first administrator. Idempotent."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="office name")
        parser.add_argument("--admin-email", required=True, help="e-mail address for the invitation")
        parser.add_argument(
            "--admin-name", required=True, help='initials, prefix and last name, such as "A.B. de Vries"'
        )
        parser.add_argument("--admin-phone", help="mobile number for the code; prompted for if omitted")

    def handle(self, *args: Any, **options: Any) -> None:
        provider = Provider(name=options["name"])
        office = OfficeForm({"name": provider.name, "invitation_days": 4, "version": 1}, provider=provider)
        person = WebsiteForm(parts_of(options["admin_name"]) | {"email": options["admin_email"]})
        faults = [f"{name}: {message}" for form in (office, person) for name, message in _faults(form)]
        if faults:
            raise CommandError("\n".join(faults))
        details: Details = person.details
        try:
            made = self._set_up(office.cleaned_data["name"], details, options["admin_phone"])
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        self.stdout.write(f"Office {made.provider.name} {'was made' if made.is_new else 'was there already'}.")
        if made.invited:
            self.stdout.write(f"An invitation for {made.administrator} is on its way to {made.administrator.email}.")
        else:
            self.stdout.write(f"{made.administrator} was there already; nothing was sent.")

    def _set_up(self, name: str, details: Details, phone: str | None) -> offices.Office:
        """Set up the office, prompting for the mobile number only when it is needed."""
        by = operator("create_provider")
        number = mobile_number(phone) if phone else None
        try:
            return offices.set_up(name, administrator=details, mobile_number=number, by=by)
        except ValidationError as error:
            if error.code != "mobile_number" or not sys.stdin.isatty():
                raise
        number = mobile_number(input("Mobile number of the administrator: "))
        return offices.set_up(name, administrator=details, mobile_number=number, by=by)


def parts_of(name: str) -> dict[str, str]:
    """Split a name such as "A.B. van de Vries" into initials, prefix (the lowercase words) and last name."""
    initials, *words = name.split() or [""]
    count = next((number for number, word in enumerate(words) if not word.islower()), len(words))
    return {"initials": initials, "prefix": " ".join(words[:count]), "last_name": " ".join(words[count:])}


def _faults(form: Any) -> list[tuple[str, str]]:
    return [(name, message) for name, messages in form.errors.items() for message in messages]
