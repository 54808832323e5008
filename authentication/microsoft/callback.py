"""Checks on the user who returns from Microsoft, for each purpose."""

from accounts.models import ExternalTenant, LoginMethod, User
from audit.actors import Actor, requires_reauthentication
from authentication.microsoft import tenants
from authentication.microsoft.errors import ErrorPage, MicrosoftSignInError
from authentication.microsoft.oidc import FlowResult
from core.access import ReauthenticationLevel


def identify_user(arrival: FlowResult) -> User:
    """Return the Azure user with the tenant and object ID of `arrival`; the e-mail address is never used.

    Raises MicrosoftSignInError, with the same page for every reason.
    """
    tid, oid = arrival.identity.tid, arrival.identity.oid
    users = User.objects.select_related("provider", "external_tenant")
    user: User | None = users.filter(external_tid=tid, external_user_id=oid, login_method=LoginMethod.AZURE_AD).first()
    is_proved = ExternalTenant.objects.filter(tenant_id=tid, confirmed_at__isnull=False).exists()
    refusal = _get_refusal_reason(user, is_proved)
    if user is None or refusal:
        raise MicrosoftSignInError(ErrorPage.ASK_OFFICE, refusal, user)
    return user


def _get_refusal_reason(user: User | None, tenant_is_confirmed: bool) -> str:
    """Return why `user` may not sign in as a code for the audit trail, or ""."""
    if user is None:
        return "unknown" if tenant_is_confirmed else "tenant"
    if user.external_tenant is None or user.external_tenant.confirmed_at is None:
        return "tenant"
    return user.denial_reason


@requires_reauthentication(ReauthenticationLevel.HALF_HOUR)
def confirm_tenant(arrival: FlowResult, user: User, *, by: Actor) -> ExternalTenant:
    """Confirm that the tenant belongs to the office, because `user` signed in at Microsoft in that tenant; return it.

    Raises MicrosoftSignInError, and PermissionDenied if the user may no longer manage the office.
    """
    user = _require_same_user(arrival, user)
    tenant = user.office.tenants.filter(pk=arrival.flow_context.tenant_id).first()
    if tenant is None:
        raise MicrosoftSignInError(ErrorPage.START_AGAIN, "tenant_removed", user)
    if tenant.tenant_id != arrival.identity.tid:
        raise MicrosoftSignInError(ErrorPage.OTHER_TENANT, "other_tenant", user)
    try:
        tenants.confirm_tenant(tenant, by=by, how=ExternalTenant.ConfirmationMethod.MICROSOFT)
    except ExternalTenant.DoesNotExist:
        raise MicrosoftSignInError(ErrorPage.START_AGAIN, "tenant_removed", user) from None
    return tenant


def verify_reauthentication(arrival: FlowResult, user: object) -> None:
    """Check that the Azure user `user` has just entered their credentials at Microsoft. Raises MicrosoftSignInError."""
    user = _require_same_user(arrival, user)
    if (user.external_tid, user.external_user_id) != (arrival.identity.tid, arrival.identity.oid):
        raise MicrosoftSignInError(ErrorPage.NOT_CONFIRMED, "other_account", user)
    if not arrival.is_fresh:
        raise MicrosoftSignInError(ErrorPage.NOT_CONFIRMED, "not_fresh", user)


def _require_same_user(arrival: FlowResult, user: object) -> User:
    """Return the signed-in user. Raises MicrosoftSignInError if another user started the flow."""
    if not isinstance(user, User) or str(user.pk) != arrival.flow_context.user_id:
        raise MicrosoftSignInError(ErrorPage.START_AGAIN, "other_person")
    return user
