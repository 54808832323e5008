"""Checks on the user who returns from Microsoft, for each purpose."""

from accounts import tenants
from accounts.models import ExternalTenant, LoginMethod, User
from audit.actors import Actor, Proof, asks
from signin.microsoft import Arrival
from signin.refusals import Page, Refused


def sign_in(arrival: Arrival) -> User:
    """Return the Azure user with the tenant and object ID of `arrival`; the e-mail address is never used.

    Raises Refused, with the same page for every reason.
    """
    tid, oid = arrival.identity.tid, arrival.identity.oid
    users = User.objects.select_related("provider", "external_tenant")
    known = users.filter(external_tid=tid, external_user_id=oid, login_method=LoginMethod.AZURE_AD)
    user: User | None = known.first()
    is_proved = ExternalTenant.objects.filter(tenant_id=tid, proved_at__isnull=False).exists()
    refusal = _refusal(user, is_proved)
    if user is None or refusal:
        raise Refused(Page.ASK_OFFICE, refusal, user)
    return user


def _refusal(user: User | None, tenant_is_proved: bool) -> str:
    """Return why `user` may not sign in as a code for the audit trail, or ""."""
    if user is None:
        return "unknown" if tenant_is_proved else "tenant"
    if user.external_tenant is None or user.external_tenant.proved_at is None:
        return "tenant"
    return user.refusal


@asks(Proof.HALF_HOUR)
def prove_tenant(arrival: Arrival, user: object, *, by: Actor) -> ExternalTenant:
    """Confirm that the tenant belongs to the office, because `user` signed in at Microsoft in that tenant; return it.

    Raises Refused, and PermissionDenied if the user may no longer manage the office.
    """
    person = _same_person(arrival, user)
    tenant = person.provider.tenants.filter(pk=arrival.errand.tenant_id).first()
    if tenant is None:
        raise Refused(Page.START_AGAIN, "tenant_removed", person)
    if tenant.tenant_id != arrival.identity.tid:
        raise Refused(Page.OTHER_TENANT, "other_tenant", person)
    try:
        tenants.prove(tenant, by=by, how=ExternalTenant.Proof.MICROSOFT)
    except ExternalTenant.DoesNotExist:
        raise Refused(Page.START_AGAIN, "tenant_removed", person) from None
    return tenant


def confirm(arrival: Arrival, user: object) -> None:
    """Check that the Azure user `user` has just entered their credentials at Microsoft. Raises Refused."""
    person = _same_person(arrival, user)
    if (person.external_tid, person.external_user_id) != (arrival.identity.tid, arrival.identity.oid):
        raise Refused(Page.NOT_CONFIRMED, "other_account", person)
    if not arrival.is_fresh:
        raise Refused(Page.NOT_CONFIRMED, "not_fresh", person)


def _same_person(arrival: Arrival, user: object) -> User:
    """Return the signed-in user. Raises Refused if another user started the flow."""
    if not isinstance(user, User) or str(user.pk) != arrival.errand.user_id:
        raise Refused(Page.START_AGAIN, "other_person")
    return user
