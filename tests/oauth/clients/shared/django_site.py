"""What the Django sites here have in common."""

import os
import sys
from collections.abc import Sequence
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command, execute_from_command_line

LOKET, CLIENT_ID, CLIENT_SECRET = (os.environ[name] for name in ("LOKET", "CLIENT_ID", "CLIENT_SECRET"))


def configure(*, apps: Sequence[str], **others: Any) -> None:
    settings.configure(
        DEBUG=True,
        SECRET_KEY=os.urandom(32).hex(),
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF="__main__",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["DATABASE"]}},
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.auth", *apps],
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        LOGIN_REDIRECT_URL="/",
        **others,
    )
    django.setup()


def serve() -> None:
    call_command("migrate", verbosity=0)
    execute_from_command_line([sys.argv[0], "runserver", "--noreload", os.environ["PORT"]])
