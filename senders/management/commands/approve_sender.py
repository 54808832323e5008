"""`manage.py approve_sender`: record that the e-mail provider signs for the domain of an office."""

import re
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

import senders.actions
from accounts.models import Provider
from audit.actors import build_operator
from core.commands import EnglishCommand
from core.keys import encode_domain
from senders.signing import is_signed_by_provider

_SELECTOR_PATTERN = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?", re.ASCII | re.IGNORECASE)


class Command(EnglishCommand):
    help = "Let an office's e-mails leave with its own sender through the e-mail provider, which signs them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("provider_id", type=UUID, help="office ID")
        parser.add_argument("domain", help="domain that the office entered and the e-mail provider has verified")
        choice = parser.add_mutually_exclusive_group(required=True)
        choice.add_argument("--dkim-selector", help="selector with which the e-mail provider signs for the domain")
        choice.add_argument("--withdraw", action="store_true", help="let e-mails leave with the product's sender again")

    def handle(self, *args: Any, **options: Any) -> None:
        selector: str = options["dkim_selector"] or ""
        if not is_signed_by_provider():
            raise CommandError("No e-mail provider is configured: e-mails are signed with keys of the offices.")
        if selector and (len(selector) > 63 or not _SELECTOR_PATTERN.fullmatch(selector)):
            raise CommandError("--dkim-selector must be the part of the record's name before ._domainkey.")
        provider = Provider.objects.filter(pk=options["provider_id"]).first()
        if provider is None:
            raise CommandError("There is no office with this ID.")
        try:
            senders.actions.set_provider_selector(
                provider,
                domain=encode_domain(options["domain"]),
                selector=selector,
                by=build_operator("approve_sender"),
            )
        except ValidationError as error:
            raise CommandError(error.messages[0]) from None
        self.stdout.write(f"{provider.name}: {'approved' if selector else 'withdrawn'}. The worker checks its records.")
