"""`manage.py add_partner`: register a partner application that users of every office can authorize."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

import oauth.applications
from audit.actors import build_operator
from core import encryption
from core.commands import EnglishCommand
from oauth.applications import ApplicationDetails
from oauth.forms import validate_backchannel_logout_uri, validate_redirect_uri
from oauth.scopes import Scope


class Command(EnglishCommand):
    help = "Register a partner integration for all offices and print its client ID and secret, once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="name shown to users when asked for permission")
        parser.add_argument("redirect_uri", nargs="+", help="redirect URI")
        parser.add_argument("--after-logout", nargs="*", default=[], help="post-logout redirect URI")
        parser.add_argument("--backchannel-logout", default="", help="address that is told when sessions end")
        parser.add_argument(
            "--backchannel-logout-session-required", action="store_true", help="the partner needs the sid"
        )
        parser.add_argument("--scope", action="append", choices=Scope.values, help="default: openid and profile")

    def handle(self, *args: Any, **options: Any) -> None:
        by, secret = build_operator("add_partner"), encryption.generate_token()
        details = ApplicationDetails(
            name=options["name"],
            redirect_uris=options["redirect_uri"],
            post_logout_redirect_uris=options["after_logout"],
            backchannel_logout_uri=options["backchannel_logout"],
            backchannel_logout_session_required=options["backchannel_logout_session_required"],
            scopes=options["scope"] or [Scope.OPENID.value, Scope.PROFILE.value],
        )
        try:
            for address in [*options["redirect_uri"], *options["after_logout"]]:
                validate_redirect_uri(address)
            if options["backchannel_logout"]:
                validate_backchannel_logout_uri(options["backchannel_logout"])
            partner = oauth.applications.register_application(None, details=details, by=by)
            oauth.applications.set_client_secret(partner, secret=secret, hours=24, version=partner.version, by=by)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(f"Client ID: {partner.client_id}\nSecret: {secret}")
