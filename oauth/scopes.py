"""OAuth scopes: the first check of every permission (domain.md 3.1), before the rights of the user."""

from collections.abc import Iterable
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from oauth2_provider.scopes import BaseScopes


class Scope(TextChoices):
    """What an application may do on behalf of a user, worded for the consent page. The user's own rights apply too."""

    OPENID = "openid", _("Verify your identity")
    PROFILE = "profile", _("View your name, username and office")
    EMAIL = "email", _("View your e-mail address")
    GROUPS = "groups", _("View the teams that you are in")
    RIGHTS = "rights", _("View what you may do in your office")
    PROFILE_WRITE = "profile:write", _("View and change your name, phone number and place of employment")
    ACCOUNT_READ = "account:read", _("View how and when you log in, your rights here and your integrations")
    USERS_READ = (
        "users:read",
        _("View users and their notifications, tenants, e-mail texts and sets, as far as your rights allow"),
    )
    USERS_WRITE = (
        "users:write",
        _(
            "Create, view, change, invite, block and erase users, including their login methods, as far as your"
            " rights allow"
        ),
    )
    TEAMS_READ = "teams:read", _("View teams, employers and rights, as far as your rights allow")
    TEAMS_WRITE = (
        "teams:write",
        _("Create, view, change and delete teams, employers and rights, as far as your rights allow"),
    )
    AUDIT_READ = "audit:read", _("View the signed checkpoints of the history, as far as your rights allow")
    REVIEWS_READ = (
        "reviews:read",
        _("View access reviews, their decisions and segregation of duties, as far as your rights allow"),
    )
    REVIEWS_WRITE = "reviews:write", _("Decide about access as a reviewer, as far as your rights allow")
    SSO = "sso", _("Log you in here without a password")


# Scopes of /v2, and of SSO/Webservice users: no user is present whose identity an ID token could tell.
API_SCOPES = tuple(scope for scope in Scope if scope not in (Scope.OPENID, Scope.GROUPS, Scope.RIGHTS))


# Asks for refresh tokens (OpenID Connect Core section 11). Every client of the code grant gets them, so it is accepted
# beside the scopes that an integration may have, and no consent page mentions it.
OFFLINE_ACCESS = "offline_access"


def normalize_scope(text: str) -> str:
    """Return a scope parameter without unknown scopes (OpenID Connect Core 3.1.2.1) and superfluous spaces.

    If none is known, the result still names the unknown ones, so that the request fails instead of getting a default.
    """
    names = list(dict.fromkeys(text.split()))
    return " ".join([name for name in names if name in {*Scope.values, OFFLINE_ACCESS}] or names)


def sort_scopes(names: Iterable[str]) -> list[Scope]:
    """Return the scopes among `names`, in the order of the enum."""
    requested = set(names)
    return [scope for scope in Scope if scope in requested]


class ScopesBackend(BaseScopes):  # type: ignore[misc]
    def get_all_scopes(self) -> dict[str, Any]:
        return dict(Scope.choices)

    def get_available_scopes(
        self, application: Any = None, request: Any = None, *args: Any, **kwargs: Any
    ) -> list[str]:
        """Return the scopes that `application` may request, all scopes without an application."""
        return [*application.scopes, OFFLINE_ACCESS] if application else [*Scope, OFFLINE_ACCESS]

    def get_default_scopes(self, application: Any = None, request: Any = None) -> list[str]:
        """Return all scopes available to `application`, for a request that names none."""
        return list(application.scopes) if application else list(Scope)
