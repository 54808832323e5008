"""App configuration: the signing keys, created with the database, and back-channel logout."""

from typing import Any

from django.apps import AppConfig
from django.db import connection
from django.db.models.signals import post_migrate


class OAuthConfig(AppConfig):
    name = "oauth"

    def ready(self) -> None:
        from accounts.sessions import sessions_ended
        from oauth import backchannel_logout
        from outbox import sending

        sessions_ended.connect(backchannel_logout.handle_ended_sessions, dispatch_uid="oauth")
        sending.FORM_BUILDERS[backchannel_logout.MESSAGE_KIND] = backchannel_logout.build_form
        post_migrate.connect(_create_signing_keys, sender=self)


def _create_signing_keys(**options: Any) -> None:
    """Create the first signing keys: reading the set of keys then changes nothing."""
    from oauth.models import SigningKey  # models are loaded after apps

    if SigningKey._meta.db_table in connection.introspection.table_names():  # not after `migrate oauth zero`
        SigningKey.objects.create_missing()
