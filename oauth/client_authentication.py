"""Authentication of clients at the endpoints for programs, as part of the request validator of the OAuth library."""

from datetime import timedelta
from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

import authentication.actions
from accounts.models import LoginMethod, User
from audit.actors import EventOrigin, build_anonymous_actor
from core import throttle
from core.throttle import AttemptsLeft, RateLimit
from oauth import client_assertions, credentials
from oauth.client_settings import ClientAuthentication
from oauth.credentials import ClientCredentials
from oauth.models import Application
from oauth.rate_limit_headers import CLIENT_TOKEN_LIMIT

# Per network address, for wrong secrets.
_FAILED_CLIENT_LIMIT = RateLimit("token client network", burst=50, every=timedelta(seconds=10))


class ClientAuthenticator:
    """Authenticates the client of one request: an application, or an SSO/Webservice user, which is its own client.

    `rate_limit_state` is what remains for the client, once it is authenticated.
    """

    def __init__(self, http: HttpRequest) -> None:
        super().__init__()
        self.http = http
        self.rate_limit_state: AttemptsLeft | None = None
        self._service_user: User | None = None

    def client_authentication_required(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Let `authenticate_client` decide for every client, public ones included."""
        return True

    def authenticate_client_id(self, client_id: str, request: Any, *args: Any, **kwargs: Any) -> bool:
        return False

    def authenticate_client(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Authenticate the application, or the SSO/Webservice user. Raises Throttled."""
        sent = credentials.read_client_credentials(self.http)
        application = find_application(sent.name)
        if (
            application is None and request.grant_type is None and not sent.assertion
        ):  # an SSO/Webservice user revokes or inspects
            return self._authenticate_service_user(request, sent.name, sent.secret)
        return self._authenticate_application(request, application, sent)

    def may_inspect(self, user: User) -> bool:
        """Return whether the client may inspect tokens of `user`. An SSO/Webservice user may inspect only its own."""
        return self._service_user is None or self._service_user == user

    def _authenticate_service_user(self, request: Any, username: str, password: str) -> bool:
        by = build_anonymous_actor(self.http, EventOrigin.API)
        self._service_user = authentication.actions.authenticate_password(
            username, password, device="", by=by, kind=LoginMethod.SSO_WEBSERVICE
        )
        if self._service_user is None:
            return False
        request.client = Application.objects.get_built_in()
        request.client_id = request.client.client_id
        return bool(request.client.is_usable())

    def _authenticate_application(self, request: Any, application: Application | None, sent: ClientCredentials) -> bool:
        network = throttle.build_network_key(build_anonymous_actor(self.http).address)
        if application is None or not application.is_usable() or not self._is_proven(application, sent):
            throttle.consume_attempt(_FAILED_CLIENT_LIMIT, network)
            return False
        # Anyone may send the ID of a public client: they must not use up what others have left.
        key = f"{application.pk} {network}" if application.is_public else str(application.pk)
        self.rate_limit_state = throttle.consume_attempt(CLIENT_TOKEN_LIMIT, key)
        request.client, request.client_id = application, application.client_id
        return True

    def _is_proven(self, application: Application, sent: ClientCredentials) -> bool:
        """Return whether the client authenticated with the method of the application, and no other.

        A public client sends neither a secret nor an assertion.
        """
        if application.authentication == ClientAuthentication.PRIVATE_KEY:
            addresses = {urljoin(settings.LOKET_URL, path) for path in (reverse("oauth:token"), self.http.path)}
            return client_assertions.consume(sent.assertion, application, {settings.LOKET_URL, *addresses})
        if sent.assertion:
            return False
        return not sent.secret if application.is_public else application.check_secret(sent.secret)


def find_application(client_id: str) -> Application | None:
    """Return the application `client_id`, None for the built-in one, which has no secret and no consent page."""
    if "\x00" in (client_id or ""):
        return None
    known = Application.objects.filter(client_id=client_id, authorization_grant_type="authorization-code")
    found: Application | None = known.first()
    return found
