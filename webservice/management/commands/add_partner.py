"""`manage.py add_partner`: register a partner application that users of every office can authorize."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

import webservice.clients
from audit.actors import operator
from loket import sealing
from webservice.clients import Details
from webservice.forms import check_address
from webservice.scopes import Scope


class Command(BaseCommand):
    help = "Register a partner integration for all offices, and print its client ID and secret once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="name shown to users when asked for permission")
        parser.add_argument("redirect_uri", nargs="+", help="redirect URI")
        parser.add_argument("--after-logout", nargs="*", default=[], help="post-logout redirect URI")
        parser.add_argument("--scope", action="append", choices=Scope.values, help="default: openid and profile")

    def handle(self, *args: Any, **options: Any) -> None:
        by, secret = operator("add_partner"), sealing.new_token()
        details = Details(
            name=options["name"],
            redirect_uris=options["redirect_uri"],
            post_logout_redirect_uris=options["after_logout"],
            scopes=options["scope"] or [Scope.OPENID.value, Scope.PROFILE.value],
        )
        try:
            for address in [*options["redirect_uri"], *options["after_logout"]]:
                check_address(address)
            partner = webservice.clients.register(None, details=details, by=by)
            webservice.clients.set_secret(partner, secret=secret, hours=24, version=partner.version, by=by)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(f"Client ID: {partner.client_id}\nSecret: {secret}")
