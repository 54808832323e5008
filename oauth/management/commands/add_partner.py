"""`manage.py add_partner`: register a partner application that users of every office can authorize."""

from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

import oauth.applications
from audit.actors import build_operator
from core import encryption
from core.commands import EnglishCommand
from oauth import client_assertions
from oauth.applications import ApplicationDetails
from oauth.client_settings import ClientAuthentication
from oauth.scopes import Scope


class Command(EnglishCommand):
    help = "Register a partner integration for all offices and print its client ID and secret, once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="name shown to users when asked for permission")
        parser.add_argument("redirect_uri", nargs="*", help="redirect URI")
        parser.add_argument("--after-logout", nargs="*", default=[], help="post-logout redirect URI")
        parser.add_argument("--backchannel-logout", default="", help="address that is told when sessions end")
        parser.add_argument(
            "--backchannel-logout-session-required", action="store_true", help="the partner needs the sid"
        )
        parser.add_argument("--scope", action="append", choices=Scope.values, help="default: openid and profile")
        kind = parser.add_mutually_exclusive_group()
        kind.add_argument("--public", action="store_true", help="a native or browser application, without a secret")
        kind.add_argument("--keys", type=Path, help="file with the JWK Set of an application that signs with a key")
        parser.add_argument("--pkce-optional", action="store_true", help="accept requests without PKCE")
        parser.add_argument("--origin", action="append", default=[], help="origin of a browser application")
        parser.add_argument("--resource", default="", help="address of a service that introspects tokens")
        parser.add_argument("--pushed-requests-required", action="store_true", help="accept no other requests")

    def handle(self, *args: Any, **options: Any) -> None:
        by, secret = build_operator("add_partner"), encryption.generate_token()
        try:
            keys = client_assertions.parse_public_keys(options["keys"].read_text()) if options["keys"] else []
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{options['keys']} cannot be read: {error}") from error
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        details = ApplicationDetails(
            name=options["name"],
            redirect_uris=options["redirect_uri"],
            post_logout_redirect_uris=options["after_logout"],
            backchannel_logout_uri=options["backchannel_logout"],
            backchannel_logout_session_required=options["backchannel_logout_session_required"],
            scopes=options["scope"] or [Scope.OPENID.value, Scope.PROFILE.value],
            authentication=_choose_authentication(options),
            public_keys=keys,
            pkce_optional=options["pkce_optional"],
            origins=options["origin"],
            pushed_requests_required=options["pushed_requests_required"],
            resource=options["resource"],
        )
        try:
            partner = oauth.applications.register_application(None, details=details, by=by)
            if has_secret := partner.authentication == ClientAuthentication.SECRET:
                oauth.applications.set_client_secret(partner, secret=secret, hours=24, version=partner.version, by=by)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(f"Client ID: {partner.client_id}")
        if has_secret:
            self.stdout.write(f"Secret: {secret}")


def _choose_authentication(options: dict[str, Any]) -> ClientAuthentication:
    if options["public"]:
        return ClientAuthentication.NONE
    return ClientAuthentication.PRIVATE_KEY if options["keys"] else ClientAuthentication.SECRET
