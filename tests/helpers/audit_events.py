"""Reading the history decrypted, and clearing it."""

from django.db import connection

from audit.models import Event


def read_history_text() -> str:
    """Return the decrypted text of the whole history."""
    return "\n".join(
        f"{event.__dict__} {event} {event.address} {event.on_behalf_of_name} {event.changes} {event.reason}"
        for event in Event.objects.order_by("id")
    )


def list_reasons() -> list[tuple[str, str]]:
    """Return verb and reason of every event, in order."""
    return [(event.verb, event.reason) for event in Event.objects.order_by("id")]


def truncate_history() -> None:
    """Clear the history; works only in tests, with the trigger that refuses this turned off."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE audit_event, audit_chainlink, audit_pendingevent")
