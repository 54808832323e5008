"""App configuration: connects back-channel logout to the end of sessions and to the outbox."""

from django.apps import AppConfig


class OAuthConfig(AppConfig):
    name = "oauth"

    def ready(self) -> None:
        from accounts.sessions import sessions_ended
        from oauth import backchannel_logout
        from outbox import sending

        sessions_ended.connect(backchannel_logout.handle_ended_sessions, dispatch_uid="oauth")
        sending.FORM_BUILDERS[backchannel_logout.MESSAGE_KIND] = backchannel_logout.build_form
