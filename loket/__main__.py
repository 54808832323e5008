"""The command `loket`, which manage.py and `python -m loket` run as well."""

import os
import sys
from collections.abc import Iterator
from platform import python_version
from textwrap import TextWrapper

from django import get_version
from django.core.management import ManagementUtility, get_commands, load_command_class

import core

# The commands of the product, and those of Django that operators use; any others are listed without a description.
COMMAND_GROUPS = {
    "Server": ["serve", "worker", "receive_bounces", "demo"],
    "Database": ["migrate", "database", "backup", "restore", "dbshell"],
    "Offices": ["create_provider", "suspend_provider", "offices", "confirm_tenant", "approve_sender", "trim_history"],
    "Users": [
        "create_support", "set_webservice_password", "review_dormant_accounts", "raise_notification", "erase_user",
    ],
    "Import and export": [
        "import_users", "import_teams", "export_users", "export_teams", "export_matrix", "export_person",
    ],
    "Integrations and keys": ["add_partner", "rotate_oidc_key", "rotate_encryption_key"],
    "Checks": ["doctor", "check", "showmigrations"],
}  # fmt: skip
_LINE_LENGTH, _NAME_LENGTH = 80, 27  # characters


class LoketUtility(ManagementUtility):
    """Django's utility with the commands by purpose and the version of Loket."""

    def __init__(self, argv: list[str]) -> None:
        super().__init__([*argv])
        if self.prog_name == "python -m django":
            self.prog_name = self.argv[0] = "python -m loket"  # errors of arguments quote the latter

    def main_help_text(self, commands_only: bool = False) -> str:
        if commands_only or self.settings_exception is not None:
            return super().main_help_text(commands_only)
        return "\n".join([f"Type '{self.prog_name} help <command>' for its arguments.", *_list_groups()])

    def execute(self) -> None:
        if self.argv[1:] in (["version"], ["--version"]):
            sys.stdout.write(f"Loket {core.__version__}, Django {get_version()}, Python {python_version()}\n")
            return
        super().execute()


def _list_groups() -> Iterator[str]:
    commands = get_commands()
    for group, names in COMMAND_GROUPS.items():
        yield f"\n{group}"
        for name in names:
            if name in commands:
                yield from _describe_command(name, commands[name])
    others = sorted(commands.keys() - {name for names in COMMAND_GROUPS.values() for name in names})
    yield "\nFor developers"
    yield from _wrap("  ", ", ".join(others), "  ")


def _describe_command(name: str, app: str) -> list[str]:
    sentence = load_command_class(app, name).help.partition(". ")[0].removesuffix(".")
    return _wrap(f"  {name}".ljust(_NAME_LENGTH), sentence, " " * _NAME_LENGTH)


def _wrap(start: str, text: str, indent: str) -> list[str]:
    return TextWrapper(_LINE_LENGTH, initial_indent=start, subsequent_indent=indent, break_on_hyphens=False).wrap(text)


def main() -> None:
    """Run the command that the arguments of this process name."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loket.settings")
    LoketUtility(sys.argv).execute()


if __name__ == "__main__":
    main()
