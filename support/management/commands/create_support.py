"""`manage.py create_support`: create or close a support account."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

import authentication.actions
import support.actions
from accounts.models import User
from audit.actors import build_operator
from core.commands import EnglishCommand

_BY = build_operator("create_support")


class Command(EnglishCommand):
    help = "Create a support account and mail a link to choose a password; --end closes the account."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", help="3 to 50 characters")
        parser.add_argument("--name", default="", help="initials, prefix and last name, such as 'P. de Boer'")
        parser.add_argument("--email", default="", help="e-mail address for the link")
        parser.add_argument("--end", action="store_true", help="close the account and end its sessions immediately")

    def handle(self, *args: Any, **options: Any) -> None:
        username: str = options["username"]
        try:
            user = support.actions.find_support_user(username)
            if options["end"]:
                self.stdout.write(_end(user, username))
            elif user is None:
                self.stdout.write(_create(username, options["name"], options["email"]))
            else:
                self.stdout.write(_again(user))
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error


def _create(username: str, name: str, email: str) -> str:
    initials, *between = name.split() or [""]
    if not between or not email:
        raise CommandError("Give --name, such as 'P. de Boer', and --email.")
    *prefix, last_name = between
    user = support.actions.create_support_user(
        username, initials=initials, prefix=" ".join(prefix), last_name=last_name, email=email, by=_BY
    )
    return f"A link to choose a password is sent to {user.full_name} at {user.email}."


def _again(user: User) -> str:
    if user.blocked_at is not None:
        raise CommandError("This support account is closed. Choose another username.")
    if user.password_changed_at is not None:
        return f"{user.full_name} already has this account."
    authentication.actions.email_password_link(user, by=_BY)
    return f"{user.full_name} already has this account. Another link is sent to {user.email}."


def _end(user: User | None, username: str) -> str:
    if user is None:
        raise CommandError(f'There is no support account "{username}".')
    closed = support.actions.close_support_user(user, by=_BY)
    return f"The support account of {user.full_name} {'has been closed' if closed else 'was already closed'}."
