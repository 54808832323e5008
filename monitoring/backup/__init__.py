"""Backups: one file with the database and a manifest of what it must hold once it is restored."""


class BackupError(Exception):
    """A backup cannot be made or restored; the text says what to do."""
