"""A Django site with django-allauth, as its quick start has it."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from shared.django_site import CLIENT_ID, CLIENT_SECRET, LOKET, configure, serve  # type: ignore[import-not-found]

SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "loket",
                "name": "Loket",
                "client_id": CLIENT_ID,
                "secret": CLIENT_SECRET,
                "settings": {"server_url": LOKET},
            }
        ],
    }
}

configure(
    SOCIALACCOUNT_PROVIDERS=SOCIALACCOUNT_PROVIDERS,
    apps=[
        "django.contrib.messages", "allauth", "allauth.account", "allauth.socialaccount",
        "allauth.socialaccount.providers.openid_connect",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "allauth.account.middleware.AccountMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
        }
    ],
    AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
)  # fmt: skip


def index(request: HttpRequest) -> HttpResponse:
    from allauth.socialaccount.models import SocialAccount  # needs the settings

    found = SocialAccount.objects.get(user=request.user).extra_data
    return JsonResponse({"claims": found["id_token"], "userinfo": found["userinfo"]})


urlpatterns = [path("", index), path("accounts/", include("allauth.urls"))]

serve()
