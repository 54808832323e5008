"""A Django site with django-allauth, as its quick start has it."""

import os
import sys

import django
from django.conf import settings
from django.core.management import call_command, execute_from_command_line
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path

LOKET, CLIENT_ID, CLIENT_SECRET = (os.environ[name] for name in ("LOKET", "CLIENT_ID", "CLIENT_SECRET"))

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

settings.configure(
    SOCIALACCOUNT_PROVIDERS=SOCIALACCOUNT_PROVIDERS,
    DEBUG=True,
    SECRET_KEY=os.urandom(32).hex(),
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["DATABASE"]}},
    INSTALLED_APPS=[
        "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.auth", "django.contrib.messages",
        "allauth", "allauth.account", "allauth.socialaccount", "allauth.socialaccount.providers.openid_connect",
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
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    LOGIN_REDIRECT_URL="/",
)  # fmt: skip
django.setup()


def index(request: HttpRequest) -> HttpResponse:
    from allauth.socialaccount.models import SocialAccount  # needs the settings

    found = SocialAccount.objects.get(user=request.user).extra_data
    return JsonResponse({"claims": found["id_token"], "userinfo": found["userinfo"]})


urlpatterns = [path("", index), path("accounts/", include("allauth.urls"))]

call_command("migrate", verbosity=0)
execute_from_command_line([sys.argv[0], "runserver", "--noreload", os.environ["PORT"]])
