"""Bridge between one Django request and the OAuth library."""

from typing import Any

from django.http import HttpRequest, QueryDict
from oauth2_provider.oauth2_backends import OAuthLibCore
from oauth2_provider.settings import oauth2_settings
from oauthlib.common import Request
from oauthlib.oauth2 import AuthorizationEndpoint
from oauthlib.openid import Server

from oauth.models import Application
from oauth.scopes import normalize_scope


class OAuthBackend(OAuthLibCore):  # type: ignore[misc]
    """OAuth library backend for one request; `validator` holds the authenticated client.

    `parameters` are those of an authorization request that the library handles.
    """

    def __init__(self, request: HttpRequest, parameters: QueryDict | None = None) -> None:
        from oauth.validator import OAuthValidator  # loaded when needed: its library loads requests (5 MB)

        self.validator, self.parameters = OAuthValidator(request), parameters
        self.server = server = Server(self.validator, **oauth2_settings.server_kwargs)
        # Only the code flow: other response types would be rejected as what the client is not allowed.
        AuthorizationEndpoint.__init__(server, "code", server.bearer, {"code": server.auth_grant_choice})

    def _extract_params(self, request: HttpRequest) -> tuple[str, str, str, dict[str, Any]]:
        address, method, body, headers = super()._extract_params(request)
        if self.parameters is None:
            return address, method, body, headers
        return f"{request.path}?{self.parameters.urlencode()}", "GET", "", headers

    def extract_body(self, request: HttpRequest) -> list[tuple[str, str]]:
        """Return the submitted pairs, the scope without unknown ones."""
        pairs: list[tuple[str, str]] = super().extract_body(request)
        return [(name, normalize_scope(value) if name == "scope" else value) for name, value in pairs]

    def authenticate_client(self, request: HttpRequest) -> Application | None:
        """Return the authenticated application that sent `request`, None if authentication fails. Raises Throttled."""
        address, method, body, headers = self._extract_params(request)
        oauth_request = Request(address, method, body, headers)
        return oauth_request.client if self.validator.authenticate_client(oauth_request) else None
