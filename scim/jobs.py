"""Periodic jobs: do what the shadow of a connection announced, and tell of connections that refuse every call."""

from uuid import UUID

from django.db import transaction
from django.utils import timezone, translation

from accounts import emails
from accounts.locks import lock_provider
from audit.actors import build_directory_actor
from core import periodic_jobs
from core.periodic_jobs import PeriodicJob
from core.throttle import Throttled
from permissions import checks
from permissions.checks import LastAdministrator
from scim.announcements import settle
from scim.directory_users import apply_pending_user
from scim.journal import remove_old_calls
from scim.models import AnnouncedStep, DirectoryConnection, DirectoryUser
from scim.refusals import REFUSALS, describe_refusal

_BATCH_SIZE = 200


def apply_pending_users() -> int:
    """Apply a batch of users; return how many. They wait while the office is suspended or their owner is not able."""
    due = DirectoryUser.objects.filter(pending=True, connection__in=_list_working_connections())
    batch = due.exclude(pk__in=periodic_jobs.list_deferred_items()).order_by("pk").values_list("pk", flat=True)
    return sum(periodic_jobs.process_items(_apply_pending_user, batch[:_BATCH_SIZE]))


def _list_working_connections() -> list[UUID]:
    rows = DirectoryConnection.objects.filter(state=DirectoryConnection.State.ON, directory_users__pending=True)
    found = rows.filter(provider__suspended_at=None).select_related("owner").distinct()
    return [connection.pk for connection in found if connection.has_able_owner]


def _apply_pending_user(pk: UUID) -> bool:
    """Apply one user; a step that the owner may not take is stored as refused."""
    try:
        with translation.override("en"), transaction.atomic():
            rows = DirectoryUser.objects.filter(pk=pk, pending=True, connection__state=DirectoryConnection.State.ON)
            lock_provider(rows.values_list("provider_id", flat=True).get())
            row = rows.select_related("user", "connection__provider", "connection__tenant", "connection__owner").get()
            if row.connection.owner is None or not row.connection.has_able_owner:
                return False  # it waits, because the office or the owner changed just now
            apply_pending_user(row, by=build_directory_actor(row.connection.owner, row.connection.name))
    except DirectoryUser.DoesNotExist:
        return False  # done by another worker, or by the directory itself
    except Throttled:
        return False  # another run has it again
    except REFUSALS as error:
        rows = DirectoryUser.objects.filter(pk=pk)
        rows.update(pending=False, refusal=describe_refusal(error, row.connection), encrypted_phone=None)
        settle(AnnouncedStep.objects.filter(row=pk))
        if isinstance(error, LastAdministrator):
            DirectoryConnection.objects.filter(directory_users__in=rows).update(alarm_at=timezone.now())
    return True


def warn_of_stopped_connections() -> int:
    """Tell the administrators once of connections that refuse every call for their owner; return of how many."""
    running = DirectoryConnection.objects.exclude(state=DirectoryConnection.State.OFF)
    ids = running.filter(provider__suspended_at=None).order_by("pk").values_list("pk", flat=True)
    return sum(periodic_jobs.process_items(_warn_of_stopped_connection, ids))


def _warn_of_stopped_connection(pk: UUID) -> bool:
    with transaction.atomic():
        rows = DirectoryConnection.objects.select_for_update(of=("self",)).select_related("provider", "owner__provider")
        connection = rows.filter(pk=pk).first()
        if connection is None or connection.has_able_owner == (connection.stopped_at is None):
            return False
        connection.stopped_at = None if connection.has_able_owner else timezone.now()
        connection.save(update_fields=["stopped_at"])
        if connection.stopped_at is not None:
            administrators = checks.list_active_administrators(connection.provider)
            name, pk = connection.name, connection.pk
            emails.send("directory_stopped", *administrators, kind="directory_stopped", directory=name, connection=pk)
    return connection.stopped_at is not None


JOBS = [
    PeriodicJob(apply_pending_users, every=5),
    PeriodicJob(warn_of_stopped_connections, every=60),
    PeriodicJob(remove_old_calls, every=3600),
]
