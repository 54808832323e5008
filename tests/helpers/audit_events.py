"""The history as the tests read it: opened, and emptied where a test begins anew."""

from django.db import connection

from audit.models import Event


def read_history_text() -> str:
    """Return everything that the history says, opened."""
    return "\n".join(
        f"{event.__dict__} {event} {event.address} {event.on_behalf_of_name} {event.changes} {event.reason}"
        for event in Event.objects.order_by("id")
    )


def list_reasons() -> list[tuple[str, str]]:
    """Return verb and reason of every event, in their order."""
    return [(event.verb, event.reason) for event in Event.objects.order_by("id")]


def truncate_history() -> None:
    """Begin with an empty history: only in tests, where the trigger that refuses this is off."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE audit_event, audit_chainlink, audit_pendingevent")
