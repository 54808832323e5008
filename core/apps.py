"""App configuration: registers the checks, sets the messages of forms, and reads ids in capitals."""

from django.apps import AppConfig
from django.urls.converters import UUIDConverter


class CoreConfig(AppConfig):
    name = "core"

    def ready(self) -> None:
        from core import checks as checks
        from core import form_messages

        form_messages.replace_messages()
        # Before the URLs are loaded: an id from another program may be in capitals (RFC 9562 section 4).
        UUIDConverter.regex = UUIDConverter.regex.replace("a-f", "a-fA-F")
