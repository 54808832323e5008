"""Checks of this machine: settings and disks."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.core import checks

from monitoring.diagnosis.findings import Finding, Level, judge, uses_own_server

_GIGABYTE = 1024**3
_LOG_FOLDER = Path("/var/log")  # where systemd and PostgreSQL of Debian keep what is logged


def check_settings() -> Iterator[Finding]:
    """Report what `check --deploy` reports about security."""
    if not uses_own_server():
        yield Finding("settings", Level.UNUSED, "the embedded database is for demo and development")
        return
    found = checks.run_checks(tags=[checks.Tags.security], include_deployment_checks=True)
    messages = [message for message in found if not message.is_silenced()]
    for message in messages:
        level = Level.PROBLEM if message.is_serious() else Level.WARNING
        yield Finding("settings", level, f"{message.msg} ({message.id})", str(message.hint or "See check --deploy."))
    if not messages:
        yield Finding("settings", Level.OK)


def check_disk() -> Iterator[Finding]:
    """Check the file systems of the data folder, of temporary files and of logs, each once."""
    folders = {"data": settings.LOKET_DATA_DIR, "temporary": Path(tempfile.gettempdir()), "log": _LOG_FOLDER}
    seen: set[int] = set()
    for kind, folder in folders.items():
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        if (device := existing.stat().st_dev) not in seen:
            seen.add(device)
            yield _judge_folder(f"{kind} folder {existing}", existing)
    if settings.LOKET_DATA_DIR.exists() and not os.access(settings.LOKET_DATA_DIR, os.W_OK | os.X_OK):
        advice = "Make it writable for the user that runs Loket; without it no request is counted."
        yield Finding("disk", Level.WARNING, f"{settings.LOKET_DATA_DIR} cannot be written to", advice)


def _judge_folder(where: str, folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free / _GIGABYTE
    status = os.statvfs(folder)
    level = judge(free, warning=2, problem=0.5)
    if status.f_files and status.f_favail < status.f_files / 100:
        return Finding("disk", Level.PROBLEM, f"{where}: no room for more files", "Remove files that are not needed.")
    advice = "" if level == Level.OK else "Free space, or move the folder to a larger disk."
    return Finding("disk", level, f"{where}: {free:.1f} GB free", advice)


CHECKS = {"settings": check_settings, "disk": check_disk}
