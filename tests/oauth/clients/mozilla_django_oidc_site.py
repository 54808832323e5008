"""A Django site with mozilla-django-oidc, as its quick start has it."""

import os
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import include, path
from shared.django_site import CLIENT_ID, CLIENT_SECRET, LOKET, configure, serve  # type: ignore[import-not-found]

PORTAL = f"http://127.0.0.1:{os.environ['PORT']}"

OIDC_RP_CLIENT_ID = CLIENT_ID
OIDC_RP_CLIENT_SECRET = CLIENT_SECRET
OIDC_RP_SIGN_ALGO = "RS256"
OIDC_USE_PKCE = True
OIDC_OP_AUTHORIZATION_ENDPOINT = f"{LOKET}/oauth/authorize/"
OIDC_OP_TOKEN_ENDPOINT = f"{LOKET}/oauth/token/"
OIDC_OP_USER_ENDPOINT = f"{LOKET}/oauth/userinfo/"
OIDC_OP_JWKS_ENDPOINT = f"{LOKET}/oauth/jwks.json"
OIDC_STORE_ID_TOKEN = True  # for logging out
OIDC_OP_LOGOUT_URL_METHOD = f"{__name__}.build_logout_url"


def build_logout_url(request: HttpRequest) -> str:
    query = {"id_token_hint": request.session["oidc_id_token"], "post_logout_redirect_uri": f"{PORTAL}/left"}
    return f"{LOKET}/oauth/logout/?{urlencode(query)}"


configure(
    **{name: value for name, value in globals().items() if name.startswith("OIDC_")},
    apps=["mozilla_django_oidc"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "mozilla_django_oidc.middleware.SessionRefresh",
    ],
    AUTHENTICATION_BACKENDS=["mozilla_django_oidc.auth.OIDCAuthenticationBackend"],
    LOGOUT_REDIRECT_URL="/left",
)


def index(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"userinfo": {"email": getattr(request.user, "email", "")}})


def expire(request: HttpRequest) -> HttpResponse:
    """Let the login be too old, so that the middleware renews it."""
    request.session["oidc_id_token_expiration"] = 0
    return redirect("/")


urlpatterns = [
    path("", index),
    path("refresh", expire),
    path("left", lambda _request: HttpResponse("left")),
    path("oidc/", include("mozilla_django_oidc.urls")),
]

serve()
