"""Arguments that management commands share."""

from django.core.management.base import CommandError

from accounts.models import Provider
from core.commands import EXIT_FAULTS
from core.ids import parse_uuid
from core.keys import compute_name_key


def get_office(text: str) -> Provider:
    """Return the office with this ID or name. Raises CommandError if there is none or more than one."""
    office_id = parse_uuid(text)
    offices = list(
        Provider.objects.filter(pk=office_id)
        if office_id
        else Provider.objects.filter(name_key=compute_name_key(text))[:2]
    )
    if len(offices) != 1:
        message = (
            f'There are several offices called "{text}". Give the ID of one.'
            if offices
            else f'There is no office "{text}". Give its exact name or its ID.'
        )
        raise CommandError(message, returncode=EXIT_FAULTS)
    return offices[0]
