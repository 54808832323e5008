"""App configuration: gives e-mails the senders of offices."""

from django.apps import AppConfig


class SendersConfig(AppConfig):
    name = "senders"

    def ready(self) -> None:
        import outbox.senders
        from senders import signing

        outbox.senders.SENDER_LOADERS.append(signing.load_sender)
