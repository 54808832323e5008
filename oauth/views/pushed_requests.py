"""The endpoint for pushed authorization requests (RFC 9126)."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_POST
from oauth2_provider.exceptions import FatalClientError
from oauthlib.oauth2 import OAuth2Error

from oauth import pushed_requests
from oauth.authorization_requests import parse_authorization_request
from oauth.backend import OAuthBackend
from oauth.models import Application
from oauth.rate_limit_headers import CLIENT_TOKEN_LIMIT, build_rate_limit_headers
from oauth.views.endpoints import oauth_endpoint, render_error


@oauth_endpoint
@require_POST
def par(request: HttpRequest) -> HttpResponse:
    """Check and keep an authorization request of the calling client, and return the reference to it."""
    core = OAuthBackend(request)
    application = core.authenticate_client(request)
    if application is None:
        return render_error(401, "invalid_client")
    response = _push(request, application)
    if core.validator.rate_limit_state is not None:
        for name, value in build_rate_limit_headers(CLIENT_TOKEN_LIMIT, core.validator.rate_limit_state).items():
            response[name] = value
    return response


def _push(request: HttpRequest, application: Application) -> HttpResponse:
    if application == Application.objects.get_built_in():  # an SSO/Webservice user
        return render_error(400, "unauthorized_client")
    parameters = pushed_requests.collect(request.POST, application)
    if any("\x00" in text for name, values in parameters.lists() for text in (name, *values)):
        return render_error(400, "invalid_request", "A parameter contains invalid characters.")
    if "request_uri" in parameters or parameters.getlist("client_id") != [application.client_id]:
        return render_error(400, "invalid_request", "Leave out request_uri, and send the client_id of this client.")
    if sum(len(text) for name, values in parameters.lists() for text in (name, *values)) > pushed_requests.MAX_LENGTH:
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
