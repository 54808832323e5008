"""The endpoint for pushed authorization requests (RFC 9126)."""

from datetime import timedelta

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_POST
from oauth2_provider.exceptions import FatalClientError
from oauthlib.oauth2 import OAuth2Error

from audit.actors import build_anonymous_actor
from core import throttle
from core.throttle import RateLimit
from oauth import pushed_requests
from oauth.authorization_requests import PARAMETERS, parse_authorization_request
from oauth.backend import OAuthBackend
from oauth.models import Application
from oauth.rate_limit_headers import CLIENT_TOKEN_LIMIT, build_rate_limit_headers
from oauth.views.endpoints import oauth_endpoint, render_error

_PUBLIC_LIMIT = RateLimit("push client", burst=30, every=timedelta(seconds=2))  # anyone can fill the database with it


@oauth_endpoint
@require_POST
def par(request: HttpRequest) -> HttpResponse:
    """Check and keep an authorization request of the calling client, and return the reference to it."""
    core = OAuthBackend(request)
    application = core.authenticate_client(request)
    if application is None:
        return render_error(401, "invalid_client")
    limit, left = CLIENT_TOKEN_LIMIT, core.validator.rate_limit_state
    if application.is_public:
        network = throttle.build_network_key(build_anonymous_actor(request).address)
        limit, left = _PUBLIC_LIMIT, throttle.consume_attempt(_PUBLIC_LIMIT, f"{application.pk} {network}")
    response = _push(request, application)
    if left is not None:
        for name, value in build_rate_limit_headers(limit, left).items():
            response[name] = value
    return response


def _push(request: HttpRequest, application: Application) -> HttpResponse:
    if application == Application.objects.get_built_in():  # an SSO/Webservice user
        return render_error(400, "unauthorized_client")
    parameters = pushed_requests.collect(request.POST, application, PARAMETERS)
    if any("\x00" in text for _name, values in parameters.lists() for text in values):
        return render_error(400, "invalid_request", "A parameter contains invalid characters.")
    if "request_uri" in parameters or parameters.getlist("client_id") != [application.client_id]:
        return render_error(400, "invalid_request", "Leave out request_uri, and send the client_id of this client.")
    if pushed_requests.is_too_long(parameters):
        return render_error(413, "invalid_request", "The request is too large.")
    try:
        parse_authorization_request(request, parameters)
    except FatalClientError as error:
        return render_error(400, error.oauthlib_error.error, error.oauthlib_error.description)
    except OAuth2Error as error:
        return render_error(400, error.error or "invalid_request", error.description)
    except Application.DoesNotExist:  # deleted concurrently
        return render_error(401, "invalid_client")
    seconds = int(pushed_requests.LIFETIME.total_seconds())
    content = {"request_uri": pushed_requests.push(parameters, application), "expires_in": seconds}
    return JsonResponse(content, status=201, headers={"Cache-Control": "no-store"})
