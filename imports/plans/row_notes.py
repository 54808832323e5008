"""What a plan says about rows that are no fault but leave users other than expected."""

from collections import Counter
from collections.abc import Iterable

from accounts.models import LoginMethod, User
from audit.changes import Changes
from core.keys import compute_email_key
from imports.files.file_notes import RowNote
from imports.files.user_rows import UserRow, UserWithAccess
from imports.plans.plan import Plan


def note_missing_access(row: UserRow, user: UserWithAccess, changes: Changes, plan: Plan) -> None:
    """Note that `changes` give a user no access, unless the row says so itself.

    A row with an ID comes from an export, which shows the status of its users.
    """
    if row.has_value("id"):
        return
    stays_blocked = user.blocked_at is not None and "blocked" not in row.values
    if stays_blocked or (user.has_ended() and "access_until" not in row.values):
        plan.notes.add_row(RowNote.NO_ACCESS, row.row)
    elif (
        user.accepted_at is None
        and not user.is_denied_access
        and not {"email", "login_method"} & changes.keys()
        and hasattr(user, "invitation")
        and not user.invitation.is_open()
    ):
        plan.notes.add_row(RowNote.NO_INVITATION, row.row)


def note_shared_addresses(rows: Iterable[UserRow], plan: Plan) -> None:
    """Note which rows of new colleagues have the address of another one, or of each other.

    Accounts of programs do not count: they often share the address of an administrator.
    """
    keys = {
        row.row: compute_email_key(row.values["email"])
        for row in rows
        if row.has_value("email") and row.values.get("login_method") != LoginMethod.SSO_WEBSERVICE
    }
    counts = Counter(keys.values())
    users = User.objects.filter(provider=plan.provider_id, email_key__in=counts)
    users = users.exclude(login_method=LoginMethod.SSO_WEBSERVICE)
    taken = set(users.values_list("email_key", flat=True)) if keys else set()
    for row, key in keys.items():
        if key in taken or counts[key] > 1:
            plan.notes.add_row(RowNote.SAME_EMAIL, row)
