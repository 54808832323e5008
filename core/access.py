"""Page policies: who may open a page, and how; `page` assigns one to a view.

A view without a policy does not open. `permissions.access` enforces `access` and `methods`, `authentication.middleware`
second factors and re-authentication, `support.middleware` impersonation.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum
from typing import Any, TypeVar

from django.core.exceptions import ImproperlyConfigured

ViewT = TypeVar("ViewT", bound=Callable[..., Any])

POST = ("POST",)
SAFE = ("GET", "HEAD")
FORM = ("GET", "HEAD", "POST")


class Access(StrEnum):
    """Users for whom a page opens that requires no right."""

    PUBLIC = "public"  # everyone, without signing in
    TOKEN = "token"  # noqa: S105 (API clients, which authenticate by token; the session is ignored)
    OFFICE_USER = "signed_in"
    OWN_ACCOUNT = "own_account"  # every signed-in user, also support: the page is about their own account
    SUPPORT = "for_support"  # a 404 for others


_ANONYMOUS = (Access.PUBLIC, Access.TOKEN)


class DuringImpersonation(Enum):
    """What a page does while support impersonates a user."""

    READ_ONLY = "read only"  # opens as that user would see it
    FORBIDDEN = "forbidden"  # it shows a secret, returns a file, or is about an account that is not support's
    AS_SUPPORT = "as support"  # support uses it as themselves


class ReauthenticationLevel(IntEnum):
    """How recently the user re-authenticated, with the second factor where one is required.

    A session started by an SSO ticket has none until the user re-authenticates (NIST SP 800-63B-4, reauthentication).
    """

    NONE = 0
    HALF_HOUR = 1  # for changes of what users may do
    FIVE_MINUTES = 2  # for changes of how users sign in


@dataclass(frozen=True)
class PagePolicy:
    """Who may open a page, and how. Raises ImproperlyConfigured for a meaningless combination."""

    access: str  # `Access`, or the right that the page requires
    methods: tuple[str, ...] | None  # None: the view handles every method
    reauthentication: ReauthenticationLevel
    with_factor: bool  # re-authentication with a second factor or at Microsoft, not with a password only
    impersonation: DuringImpersonation
    before_second_factor: bool  # open to users who have not passed their second factor in this session
    during_enrollment: bool  # open to users who still have to set up the required second factor
    website_users_only: bool  # a 404 for login methods without a password or second factor here

    def __post_init__(self) -> None:
        is_anonymous = self.access in _ANONYMOUS
        if is_anonymous and (self.reauthentication or self.website_users_only):
            raise ImproperlyConfigured("A page that is open without signing in cannot ask who the user is.")
        if self.with_factor and not self.reauthentication:
            raise ImproperlyConfigured("`with_factor` says how to re-authenticate, so re-authentication is required.")
        if self.impersonation is DuringImpersonation.READ_ONLY and self.access in (*_ANONYMOUS, Access.SUPPORT):
            raise ImproperlyConfigured("Impersonation shows pages of an office or of an account, and no others.")
        if not is_anonymous and self.before_second_factor and self.access != Access.OWN_ACCOUNT:
            raise ImproperlyConfigured("A page of an office never opens before the second factor.")


def page(
    access: str,
    *,
    methods: Iterable[str] | None = FORM,
    reauthentication: ReauthenticationLevel = ReauthenticationLevel.NONE,
    with_factor: bool = False,
    impersonation: DuringImpersonation | None = None,
    before_second_factor: bool = False,
    during_enrollment: bool = False,
    website_users_only: bool = False,
) -> Callable[[ViewT], ViewT]:
    """Give a view its `PagePolicy`. By default, impersonation shows pages of an office and no page about an account."""
    policy = PagePolicy(
        access=access,
        methods=None if methods is None else tuple(methods),
        reauthentication=reauthentication,
        with_factor=with_factor,
        impersonation=impersonation or _get_default_impersonation(access),
        before_second_factor=before_second_factor,
        during_enrollment=during_enrollment,
        website_users_only=website_users_only,
    )

    def decorate(view: ViewT) -> ViewT:
        view.policy = policy  # type: ignore[attr-defined]
        return view

    return decorate


def get_policy(view: Callable[..., Any]) -> PagePolicy:
    """Return the policy of a view. Raises ImproperlyConfigured when it has none."""
    policy = getattr(view, "policy", None)
    if not isinstance(policy, PagePolicy):
        raise ImproperlyConfigured(f"{view.__module__}.{view.__name__} does not say who may open it")
    return policy


def _get_default_impersonation(access: str) -> DuringImpersonation:
    if access == Access.SUPPORT:
        return DuringImpersonation.AS_SUPPORT
    if access in (*_ANONYMOUS, Access.OWN_ACCOUNT):
        return DuringImpersonation.FORBIDDEN
    return DuringImpersonation.READ_ONLY
