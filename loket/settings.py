"""Settings, read from environment variables or from the files that they name; docs/operating.md lists them.

Without DATABASE_URL the embedded PostgreSQL is used and the keys are stored in LOKET_DATA_DIR.
"""

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from core import local_keys, paths
from core.db_availability import WAIT_SLICE_SECONDS, LimitedConnection, PrimaryConnection
from core.embedded_postgres.server import APPLICATION_ROLE, OWNER_ROLE, SERVER_PORT, get_socket_dir
from core.logs import LOGGING as LOGGING
from loket import env_validators as check

BASE_DIR = paths.BASE_DIR
env = check.SettingsEnv(strip_whitespace=True)

LOKET_DEMO = env.bool("LOKET_DEMO", False)
_folder = check.validate_folder if env.str("DATABASE_URL", "") else check.validate_writable_folder
LOKET_DATA_DIR = Path(env.str("LOKET_DATA_DIR", paths.get_default_data_dir(), validate=_folder)).resolve()
LOKET_URL = env.str("LOKET_URL", "http://localhost:8000", validate=check.validate_site_url).rstrip("/")
LOKET_TRUSTED_PROXIES: list[str] = env.list("LOKET_TRUSTED_PROXIES", [], validate=check.validate_networks)
LOKET_METRICS_TOKEN = env.str("LOKET_METRICS_TOKEN", "", validate=check.validate_token)
LOKET_METRICS_DIR = LOKET_DATA_DIR / "metrics"  # counts of every web server process that shares the folder

DEBUG = False
# `timeout` is the interval at which core.postgresql reconsiders waiting; `reconnect_timeout` keeps retries frequent.
_pool = {
    "min_size": 1, "max_size": 8, "timeout": WAIT_SLICE_SECONDS, "reconnect_timeout": 3,
    "connection_class": PrimaryConnection,
}  # fmt: skip
_replica_pool = _pool | {"connection_class": LimitedConnection}
# The operating system detects an unresponsive host after these seconds (tcp_user_timeout in milliseconds).
_patience = {
    "connect_timeout": 3, "tcp_user_timeout": 10000,
    "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3,
}  # fmt: skip
# Repeated statements are planned once per connection, unless a pooler lends it for one transaction.
_pooled = env.bool("LOKET_TRANSACTION_POOLING", False)
_prepared = {"server_side_binding": True, "prepare_threshold": None if _pooled else 5}
_server = {"engine": "core.postgresql", "conn_health_checks": True, "disable_server_side_cursors": _pooled}
if env.str("DATABASE_URL", "", validate=check.validate_postgresql_url):
    SECRET_KEY = env.str("LOKET_SECRET_KEY", validate=check.validate_secret_key)
    LOKET_SEALING_KEYS: list[str] = env.list("LOKET_SEALING_KEYS", validate=check.validate_keys)
    LOKET_CHECKPOINT_KEY = env.str("LOKET_CHECKPOINT_KEY", validate=check.validate_key)
    DATABASES = {"default": env.dj_db_url("DATABASE_URL", **_server)}
    _given = DATABASES["default"].get("OPTIONS", {})
    DATABASES["default"]["OPTIONS"] = {**_patience, **_prepared, **_given, "pool": _pool}
    _has_owner = env.str("LOKET_OWNER_DATABASE_URL", "", validate=check.validate_postgresql_url)
    _owner = env.dj_db_url("LOKET_OWNER_DATABASE_URL") if _has_owner else None
    if _owner and any(_owner[part] != DATABASES["default"][part] for part in ("HOST", "PORT", "NAME")):
        raise ImproperlyConfigured("LOKET_OWNER_DATABASE_URL must name the same database as DATABASE_URL.")
    if env.str("LOKET_REPLICA_DATABASE_URL", "", validate=check.validate_postgresql_url):
        DATABASES["replica"] = env.dj_db_url("LOKET_REPLICA_DATABASE_URL", **_server)
        DATABASES["replica"]["POOL_WAIT_SECONDS"] = 1
        _given = DATABASES["replica"].get("OPTIONS", {})
        _only_read = {"options": f"{_given.get('options', '')} -c default_transaction_read_only=on".strip()}
        # Pages do not wait long for the replica: the primary can serve them.
        _hurry = {**_patience, **_prepared, "connect_timeout": 1}
        DATABASES["replica"]["OPTIONS"] = {**_hurry, **_given, **_only_read, "pool": _replica_pool}
        _same = [DATABASES["replica"][part] == DATABASES["default"][part] for part in ("NAME", "HOST", "PORT")]
        if not _same[0] or all(_same):
            raise ImproperlyConfigured(
                "LOKET_REPLICA_DATABASE_URL must name the database of DATABASE_URL at another server."
            )
else:
    _kept = local_keys.load_keys(LOKET_DATA_DIR)
    SECRET_KEY = env.str("LOKET_SECRET_KEY", _kept.secret_key, validate=check.validate_secret_key)
    LOKET_SEALING_KEYS = env.list("LOKET_SEALING_KEYS", [_kept.sealing_key], validate=check.validate_keys)
    LOKET_CHECKPOINT_KEY = env.str(
        "LOKET_CHECKPOINT_KEY", local_keys.load_checkpoint_key(LOKET_DATA_DIR), validate=check.validate_key
    )
    DATABASES = {
        "default": {
            "ENGINE": "core.embedded_postgres",
            "DATA_DIR": LOKET_DATA_DIR / "postgresql",
            "HOST": get_socket_dir(LOKET_DATA_DIR / "postgresql"),
            "PORT": str(SERVER_PORT),
            "USER": APPLICATION_ROLE,
            "NAME": "loket",
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": {**_prepared, "pool": _pool},
            "POOL_WAIT_SECONDS": 10,
        }
    }
    _owner = {"USER": OWNER_ROLE}
DATABASE_ROUTERS = ["core.replica.ReplicaRouter"]
LOKET_DATABASE_ROLES = {
    name: role and {key: role.get(key, "") for key in ("USER", "PASSWORD")}
    for name, role in (("application", DATABASES["default"]), ("owner", _owner))
}

_url = urlsplit(LOKET_URL)
_https = _url.scheme == "https"
ALLOWED_HOSTS = [_url.hostname or "localhost"]
if not _https:
    ALLOWED_HOSTS += ["localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = [LOKET_URL]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = LANGUAGE_COOKIE_SECURE = _https
SECURE_HSTS_SECONDS = 31536000 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _https
SECURE_REFERRER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")  # see forwarded_scheme_middleware
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
SESSION_ENGINE = "authentication.session_store"
LOKET_SESSION_IDLE_MINUTES = env.int("LOKET_SESSION_IDLE_MINUTES", 120, validate=check.validate_session_minutes)
LOKET_SESSION_LIFETIME_MINUTES = env.int("LOKET_SESSION_LIFETIME_MINUTES", 720, validate=check.validate_session_minutes)
LOKET_SSO_SESSION_MINUTES = env.int("LOKET_SSO_SESSION_MINUTES", 60, validate=check.validate_session_minutes)
SESSION_COOKIE_AGE = 12 * 3600  # for anonymous sessions; see authentication.session_store for the others
LOKET_COOKIE_PREFIX = "__Host-" if _https else ""
SESSION_COOKIE_NAME = f"{LOKET_COOKIE_PREFIX}sessionid"
CSRF_COOKIE_NAME = f"{LOKET_COOKIE_PREFIX}csrftoken"
CSRF_FAILURE_VIEW = "loket.views.handle_csrf_failure"
LANGUAGE_COOKIE_NAME = f"{LOKET_COOKIE_PREFIX}django_language"
MESSAGE_STORAGE = "core.cookies.MessageStorage"
X_FRAME_OPTIONS = "DENY"
# form-action allows no other host: pages that lead to Microsoft do so by a redirect of their own.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

INSTALLED_APPS = [
    "loket",
    "core",
    "audit",
    "outbox",
    "accounts",
    "django_otp",
    "django_otp_webauthn",
    "django_htmx",
    "permissions",
    "senders",
    "authentication",
    "invitations",
    "notifications",
    "users",
    "history",
    "reviews",
    "support",
    "monitoring",
    *([] if env.str("DATABASE_URL", "") else ["demo"]),  # it has a database of its own
    "django.contrib.admin.apps.SimpleAdminConfig",  # no autodiscovery: pages for support are registered explicitly
    "oauth2_provider",
    "oauth",
    "scim",
    "imports",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
]
MIDDLEWARE = [
    "monitoring.probes.probe_middleware",
    "monitoring.access_log.request_context_middleware",
    "core.middleware.forwarded_scheme_middleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "core.middleware.static_files_middleware",
    "oauth.middleware.cors_middleware",  # before what refuses requests, so that browsers can read the refusal
    "django.contrib.sessions.middleware.SessionMiddleware",
    "core.middleware.language_middleware",
    "core.middleware.body_limit_middleware",
    "core.middleware.SlashMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "authentication.middleware.MfaMiddleware",
    "support.middleware.ImpersonationMiddleware",
    "permissions.access.AccessMiddleware",
    "authentication.middleware.ReauthenticationMiddleware",
]
ROOT_URLCONF = "loket.urls"
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [paths.RESOURCES_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "users.context_processors.menu",
            ],
        },
    }
]

# Passkeys are bound to the host of LOKET_URL: on another host users have to register them again.
OTP_WEBAUTHN_RP_ID, OTP_WEBAUTHN_RP_NAME = _url.hostname or "localhost", "Loket"
OTP_WEBAUTHN_ALLOWED_ORIGINS = [f"{_url.scheme}://{_url.netloc}"]
OTP_WEBAUTHN_CREDENTIAL_MODEL = "authentication.Passkey"
# Loket can be tried without TLS, where browsers reject passkeys. Responses to used refresh tokens are kept encrypted.
SILENCED_SYSTEM_CHECKS = ["otp_webauthn.E031", "oauth2_provider.E001"]

# OAuth 2.0 and OpenID Connect as RFC 9700 recommends, without the older flows.
OAUTH2_PROVIDER_APPLICATION_MODEL = "oauth.Application"
OAUTH2_PROVIDER_GRANT_MODEL = "oauth.AuthorizationCode"
OAUTH2_PROVIDER_ACCESS_TOKEN_MODEL = "oauth.AccessToken"  # noqa: S105
OAUTH2_PROVIDER_REFRESH_TOKEN_MODEL = "oauth.RefreshToken"  # noqa: S105
OAUTH2_PROVIDER_ID_TOKEN_MODEL = "oauth.IDToken"  # noqa: S105
OAUTH2_PROVIDER = {
    "SCOPES_BACKEND_CLASS": "oauth.scopes.ScopesBackend",
    "OIDC_ENABLED": True,
    "OIDC_ISS_ENDPOINT": LOKET_URL,
    "OIDC_RESPONSE_TYPES_SUPPORTED": ["code"],
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https"],
    "AUTHORIZATION_CODE_EXPIRE_SECONDS": 60,
    "ACCESS_TOKEN_EXPIRE_SECONDS": 3600,
    "ID_TOKEN_EXPIRE_SECONDS": 3600,
    "REFRESH_TOKEN_EXPIRE_SECONDS": 30 * 24 * 3600,  # after the last use
    "ROTATE_REFRESH_TOKEN": True,
    "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": 30,  # in which a used token returns the same response
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
    "COMPLIANT_BCP_RFC9700_PKCE_REQUIRED": True,
    "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
    "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
    "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": True,
    "COMPLIANT_BCP_RFC9700_REFRESH_TOKEN": True,
    "COMPLIANT_BCP_RFC9700_REDIRECT_URI_SCHEME": True,
    "COMPLIANT_BCP_RFC9700_REDIRECT_URI_MATCHING": True,
}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["authentication.backends.ActiveUserBackend"]
LOGIN_URL, LOGIN_REDIRECT_URL = "authentication:login", "home"
PASSWORD_HASHERS = ["accounts.passwords.Argon2id"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATA_UPLOAD_MAX_MEMORY_SIZE = 512 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = LOKET_IMPORT_MAX_SIZE = 5 * 1024 * 1024 + 64 * 1024  # a file to import, kept in memory
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000

LANGUAGE_CODE, TIME_ZONE = "nl", "Europe/Amsterdam"
LANGUAGES = [("nl", _("Dutch")), ("en", _("English"))]
LOCALE_PATHS = [paths.RESOURCES_DIR / "locale"]

STATIC_URL, STATICFILES_DIRS = "/static/", [paths.RESOURCES_DIR / "static"]
WHITENOISE_USE_FINDERS = True

# Email: EMAIL_URL for SMTP, or LOKET_EMAIL_BACKEND with the ANYMAIL_… variables of the provider.
env.str("EMAIL_URL", "", validate=check.validate_mail_server_url)
_email = env.dj_email_url("EMAIL_URL", "smtp://localhost:25")
EMAIL_BACKEND = env.str("LOKET_EMAIL_BACKEND", _email["EMAIL_BACKEND"])
if EMAIL_BACKEND.startswith("anymail."):
    INSTALLED_APPS.append("anymail")  # checks its settings; takes 5 MB
EMAIL_HOST, EMAIL_PORT, EMAIL_TIMEOUT = _email["EMAIL_HOST"], _email["EMAIL_PORT"], 10
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _email["EMAIL_HOST_USER"], _email["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS, EMAIL_USE_SSL = _email["EMAIL_USE_TLS"], _email["EMAIL_USE_SSL"]
DEFAULT_FROM_EMAIL = env.str("LOKET_FROM_EMAIL", "loket@localhost", validate=check.validate_sender)
LOKET_BOUNCE_DOMAIN = env.str("LOKET_BOUNCE_DOMAIN", "", validate=check.validate_domain)
LOKET_DNS_SERVERS: list[str] = env.list("LOKET_DNS_SERVERS", [], validate=check.validate_name_servers)
ANYMAIL: dict[str, Any] = {
    name.removeprefix("ANYMAIL_"): value for name, value in os.environ.items() if name.startswith("ANYMAIL_")
}
ANYMAIL |= {"REQUESTS_TIMEOUT": EMAIL_TIMEOUT, "IGNORE_UNSUPPORTED_FEATURES": True}  # without metadata there is an id
SMS_URL = env.str("SMS_URL", "console:", validate=check.validate_sms_url)
# Where the demo delivers messages, and its stand-in for Microsoft.
LOKET_DEMO_SMS_BACKEND, LOKET_DEMO_ENTRA = "demo.mailbox.deliver_sms", "demo.fake_entra"
if LOKET_DEMO:
    EMAIL_BACKEND, SMS_URL = "demo.mailbox.EmailBackend", "demo:"
LOKET_SMS_TIMEOUT = env.int("LOKET_SMS_TIMEOUT", 15, validate=check.validate_gateway_seconds)
LOKET_SMS_PER_HOUR = env.int("LOKET_SMS_PER_HOUR", 2000, validate=check.validate_not_negative)
# Limits on messages that users request, see outbox.message_limits.
LOKET_BULK_INVITATIONS_PER_HOUR = env.int("LOKET_BULK_INVITATIONS_PER_HOUR", 500, validate=check.validate_positive)
LOKET_MESSAGES_TO_ONE_PER_HOUR = env.int("LOKET_MESSAGES_TO_ONE_PER_HOUR", 10, validate=check.validate_not_negative)
LOKET_MESSAGES_TO_ONE_PER_DAY = env.int("LOKET_MESSAGES_TO_ONE_PER_DAY", 20, validate=check.validate_not_negative)
LOKET_MESSAGES_BY_ONE_PER_HOUR = env.int("LOKET_MESSAGES_BY_ONE_PER_HOUR", 10_000, validate=check.validate_not_negative)
LOKET_MESSAGES_PER_HOUR = env.int("LOKET_MESSAGES_PER_HOUR", 20_000, validate=check.validate_not_negative)
# Sign-in with Microsoft: an app registration in Entra. The demo has a fake Entra.
LOKET_ENTRA_CLIENT_ID = env.str("LOKET_ENTRA_CLIENT_ID", "")
LOKET_ENTRA_CLIENT_SECRET = env.str("LOKET_ENTRA_CLIENT_SECRET", "")
if bool(LOKET_ENTRA_CLIENT_ID) != bool(LOKET_ENTRA_CLIENT_SECRET):
    raise ImproperlyConfigured("LOKET_ENTRA_CLIENT_ID and LOKET_ENTRA_CLIENT_SECRET go together: one is not set.")
LOKET_ENTRA_AUTHORITY = env.str(
    "LOKET_ENTRA_AUTHORITY", "https://login.microsoftonline.com/organizations", validate=check.validate_authority_url
).rstrip("/")
