"""App configuration: gives e-mails the logos of offices."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts import logos
        from outbox import sending

        sending.LOGO_LOADERS.append(logos.load_email_logo)
