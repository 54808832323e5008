"""Actions on the Microsoft tenants of an office."""

from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.locks import lock_provider
from accounts.models import ExternalTenant, Provider
from audit.actions import record
from audit.actors import Actor, action
from audit.models import Verb
from core.access import ReauthenticationLevel
from core.keys import compute_name_key
from permissions import checks
from permissions.action_helpers import lock_and_authorize, require_free_name
from permissions.checks import Right, SupportAction


def _lock_tenant(tenant: ExternalTenant, by: Actor, support_action: SupportAction | None = None) -> ExternalTenant:
    """Return the tenant, locked after its office; `support_action` is what support may do to it."""
    if support_action and by.is_support:
        provider = lock_provider(tenant.provider_id)
        checks.require_support_action(by, support_action, provider.pk)
    else:
        provider = lock_and_authorize(tenant.provider_id, by, Right.MANAGE_PROVIDER)
    return (
        ExternalTenant.objects.select_for_update(of=("self",))
        .select_related("provider")
        .get(pk=tenant.pk, provider=provider)
    )


@action(ReauthenticationLevel.FIVE_MINUTES)
def add_tenant(provider: Provider, *, name: str, tenant_id: UUID, by: Actor) -> ExternalTenant:
    """Register the tenant with Microsoft's id `tenant_id`; users can belong to it once it is confirmed.

    Adding the same name and id twice, for example by a double click, returns one tenant. Raises PermissionDenied
    without the right to manage the office, ValidationError (code "taken") when the office has the tenant under another
    name.
    """
    provider = lock_and_authorize(provider.pk, by, Right.MANAGE_PROVIDER)
    stored = ExternalTenant.objects.filter(provider=provider, tenant_id=tenant_id).first()
    if stored is not None:
        if stored.name_key == compute_name_key(name):
            return stored
        message = _("This tenant is already in the list, as “%(name)s”.")
        raise ValidationError({"tenant_id": ValidationError(message, code="taken", params={"name": stored.name})})
    tenant = ExternalTenant(provider=provider, name=name, tenant_id=tenant_id)
    require_free_name(tenant, _("Another tenant has this name. Choose another one."))
    tenant.save(force_insert=True)
    changes = {"name": [None, name], "tenant_id": [None, str(tenant_id)]}
    record(Verb.TENANT_ADDED, tenant, by=by, provider_id=provider.pk, changes=changes)
    return tenant


@action(ReauthenticationLevel.FIVE_MINUTES)
def rename_tenant(tenant: ExternalTenant, *, name: str, by: Actor) -> ExternalTenant:
    """Change the office's name for the tenant.

    Raises PermissionDenied without the right, ValidationError (code "taken") when another tenant has the name.
    """
    tenant = _lock_tenant(tenant, by)
    if name != tenant.name:
        old, tenant.name = tenant.name, name
        require_free_name(tenant, _("Another tenant has this name. Choose another one."))
        tenant.save(update_fields=["name"])
        record(Verb.TENANT_RENAMED, tenant, by=by, provider_id=tenant.provider_id, changes={"name": [old, name]})
    return tenant


@action(ReauthenticationLevel.FIVE_MINUTES)
def remove_tenant(tenant: ExternalTenant, *, by: Actor) -> None:
    """Remove the tenant from the office.

    Raises PermissionDenied without the right, ValidationError (code "in_use") while users depend on it, blocked ones
    included.
    """
    tenant = _lock_tenant(tenant, by)
    if count := tenant.users.count():
        message = ngettext(
            "%(count)d user still logs in through this tenant. Change that user's login method first.",
            "%(count)d users still log in through this tenant. Change those users' login method first.",
            count,
        )
        raise ValidationError(message, code="in_use", params={"count": count})
    changes = {"name": [tenant.name, None], "tenant_id": [str(tenant.tenant_id), None]}
    record(Verb.TENANT_REMOVED, tenant, by=by, provider_id=tenant.provider_id, changes=changes)
    tenant.delete()


@action()
def confirm_tenant(tenant: ExternalTenant, *, by: Actor, how: str, reason: str = "") -> bool:
    """Confirm the tenant; `how` is a value of ExternalTenant.ConfirmationMethod. Return False when already confirmed.

    A confirmation by support needs a `reason` and an actor who is support or the operator. Raises PermissionDenied,
    ValueError without a reason, ExternalTenant.DoesNotExist when the tenant was removed in the meantime.
    """
    method = ExternalTenant.ConfirmationMethod(how)
    if method == ExternalTenant.ConfirmationMethod.SUPPORT:
        if not (by.is_operator or by.is_support):
            raise PermissionDenied(_("Only support can confirm a tenant without a Microsoft login."))
        if not (reason or by.reason).strip():
            raise ValueError("support says why")
    elif by.is_support:
        raise PermissionDenied(_("Support cannot log in with Microsoft on behalf of an office."))
    tenant = _lock_tenant(tenant, by, SupportAction.CONFIRM_TENANT)
    if tenant.confirmed_at is not None:
        return False
    tenant.confirmed_at, tenant.confirmation_method = timezone.now(), method
    tenant.save(update_fields=["confirmed_at", "confirmation_method"])
    changes = {"confirmation_method": [None, method.value]}
    record(Verb.TENANT_CONFIRMED, tenant, by=by, provider_id=tenant.provider_id, changes=changes, reason=reason)
    return True
