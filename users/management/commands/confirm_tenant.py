"""`manage.py confirm_tenant`: confirm a tenant from which no user can sign in yet. For support."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

import authentication.microsoft.tenants
from accounts.models import ExternalTenant
from audit.actors import build_operator


class Command(BaseCommand):
    help = "Confirm that a Microsoft tenant belongs to the office that added it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("provider_id", type=UUID, help="office ID")
        parser.add_argument("tenant_id", type=UUID, help="Microsoft tenant ID")
        parser.add_argument("--reason", required=True, help="how this was verified; recorded in the audit trail")

    def handle(self, *args: Any, **options: Any) -> None:
        reason: str = options["reason"].strip()
        if not 0 < len(reason) <= 500:
            raise CommandError("Give a reason of at most 500 characters with --reason.")
        tenants = ExternalTenant.objects.select_related("provider")
        tenant = tenants.filter(provider_id=options["provider_id"], tenant_id=options["tenant_id"]).first()
        if tenant is None:
            raise CommandError("The office has not added this tenant. Check both IDs.")
        method = ExternalTenant.ConfirmationMethod.SUPPORT
        proved = authentication.microsoft.tenants.confirm_tenant(
            tenant, by=build_operator("confirm_tenant"), how=method, reason=reason
        )
        state = "has been confirmed" if proved else "was already confirmed"
        self.stdout.write(f"Tenant {tenant.name} of {tenant.provider.name} {state}.")
