"""Bridge between one Django request and the OAuth library."""

from django.http import HttpRequest
from oauth2_provider.oauth2_backends import OAuthLibCore
from oauth2_provider.settings import oauth2_settings
from oauthlib.common import Request
from oauthlib.openid import Server

from oauth.models import Application


class OAuthBackend(OAuthLibCore):  # type: ignore[misc]
    """OAuth library backend for one request; `validator` holds the authenticated client."""

    def __init__(self, request: HttpRequest) -> None:
        from oauth.validator import OAuthValidator  # loaded when needed: its library loads requests (5 MB)

        self.validator = OAuthValidator(request)
        self.server = Server(self.validator, **oauth2_settings.server_kwargs)

    def authenticate_client(self, request: HttpRequest) -> Application | None:
        """Return the authenticated application that sent `request`, None if authentication fails. Raises Throttled."""
        address, method, body, headers = self._extract_params(request)
        oauth_request = Request(address, method, body, headers)
        return oauth_request.client if self.validator.authenticate_client(oauth_request) else None
