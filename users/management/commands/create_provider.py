import sys
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from accounts.models import Provider
from accounts.user_details import UserDetails
from audit.actors import build_operator
from core.commands import EnglishCommand
from invitations.phone_numbers import is_known_mobile_number, parse_mobile_number
from users import office_setup
from users.forms.office import OfficeSettingsForm
from users.forms.users import WebsiteUserForm


class Command(EnglishCommand):
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
        office = OfficeSettingsForm({"name": provider.name, "invitation_days": 4, "version": 1}, provider=provider)
        administrator = WebsiteUserForm(split_name(options["admin_name"]) | {"email": options["admin_email"]})
        if errors := [*_list_errors(office), *_list_errors(administrator)]:
            raise CommandError("\n".join(errors))
        details: UserDetails = administrator.details
        try:
            setup = self._set_up(office.cleaned_data["name"], details, options["admin_phone"])
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        self.stdout.write(f"Office {setup.provider.name} {'has been created' if setup.is_new else 'already exists'}.")
        if setup.invited:
            self.stdout.write(f"{setup.administrator} is invited at {setup.administrator.email}.")
        else:
            self.stdout.write(f"{setup.administrator} already exists; no invitation was sent.")

    def _parse_number(self, text: str) -> str:
        """Return the number in E.164, with a warning when it is not known as a mobile number."""
        number = parse_mobile_number(text, confirmed=True)
        if not is_known_mobile_number(number):
            self.stderr.write(f"Warning: {number} is not known as a mobile number. Check it.")
        return number

    def _set_up(self, name: str, details: UserDetails, phone: str | None) -> office_setup.OfficeSetup:
        """Set up the office, prompting for the mobile number only when it is needed."""
        by = build_operator("create_provider")
        number = self._parse_number(phone) if phone else None
        try:
            return office_setup.set_up_office(name, administrator=details, mobile_number=number, by=by)
        except ValidationError as error:
            if error.code != "mobile_number":
                raise
            if not sys.stdin.isatty():
                raise CommandError("Give the administrator's mobile number with --admin-phone.") from None
        number = self._parse_number(input("Mobile number of the administrator: "))
        return office_setup.set_up_office(name, administrator=details, mobile_number=number, by=by)


def split_name(name: str) -> dict[str, str]:
    """Split a name such as "A.B. van de Vries" into initials, prefix (the lowercase words) and last name."""
    initials, *words = name.split() or [""]
    count = next((number for number, word in enumerate(words) if not word.islower()), len(words))
    return {"initials": initials, "prefix": " ".join(words[:count]), "last_name": " ".join(words[count:])}


def _list_errors(form: Any) -> list[str]:
    labels = {name: f"{field.label}: " for name, field in form.fields.items()}
    return [f"{labels.get(name, '')}{message}" for name, messages in form.errors.items() for message in messages]
