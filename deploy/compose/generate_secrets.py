"""Generate the secrets of compose.yaml that are missing: every installation has its own, and keeps them.

What exists is never replaced, so a volume that was restored from a copy keeps its keys and passwords. Each folder is a
volume: `app` is for web server, worker and migration, `owner` for migration and backups, and `database` for PostgreSQL,
which creates the two roles at its first start.
"""

import base64
import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

APP, OWNER, DATABASE = Path("/etc/loket/app"), Path("/etc/loket/owner"), Path("/etc/loket-database")
ROLES = """\
CREATE ROLE loket LOGIN PASSWORD '{owner}';
CREATE ROLE loket_app LOGIN PASSWORD '{app}';
CREATE DATABASE loket OWNER loket TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8';
ALTER SYSTEM SET log_min_error_statement = panic;
ALTER SYSTEM SET log_error_verbosity = terse;
"""


def generate_key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def keep_password(url_file: Path) -> str:
    """Return the password that a role has in the file, or a new one."""
    earlier = urlsplit(url_file.read_text()).password if url_file.exists() else None
    return earlier or secrets.token_urlsafe(32)


def main() -> None:
    marker = DATABASE / "roles.sql"  # written last: what was interrupted continues
    if marker.exists():
        return
    owner, app = keep_password(OWNER / "database_url"), keep_password(APP / "database_url")
    files = {
        APP / "secret_key": secrets.token_urlsafe(48),
        APP / "sealing_keys": generate_key(),
        APP / "checkpoint_key": generate_key(),
        APP / "database_url": f"postgres://loket_app:{app}@database/loket",
        OWNER / "database_url": f"postgres://loket:{owner}@database/loket",
        DATABASE / "password": secrets.token_urlsafe(32),
        marker: ROLES.format(owner=owner, app=app),
    }
    for path, text in files.items():
        if path.exists():
            continue
        temporary = path.with_suffix(".new")
        temporary.unlink(missing_ok=True)
        temporary.write_text(text)
        temporary.chmod(0o644 if path.parent == DATABASE else 0o400)  # PostgreSQL has an account of its own
        temporary.rename(path)


if __name__ == "__main__":
    main()
