"""Sign-in page of the fake Entra: pick a user."""

from uuid import uuid4

from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.models import ExternalTenant, User
from core.access import SAFE, Access, page
from demo import fake_entra
from demo.access import require_demo
from demo.fake_entra import EntraError

_MAX_TENANTS = 50


@page(Access.PUBLIC, methods=SAFE)
def choose_user(request: HttpRequest) -> HttpResponse:
    """List the users of each tenant, an unknown user and Cancel; each links back to the callback of Loket."""
    require_demo(request)
    provider = fake_entra.get_fake_entra()
    try:
        authorization_request = provider.parse_request(request.GET.dict())
    except EntraError as refusal:
        return render(request, "demo/fake_entra_error.html", {"refusal": refusal}, status=400)
    users = User.objects.order_by("sort_name", "pk")
    tenants = ExternalTenant.objects.select_related("provider").prefetch_related(Prefetch("users", users))
    groups = [
        {
            "tenant": tenant,
            "users": [
                (user, provider.build_code_url(authorization_request, tid=tenant.tenant_id, oid=user.external_user_id))
                for user in tenant.users.all()
                if user.external_user_id is not None
            ],
            "new_user": provider.build_code_url(authorization_request, tid=tenant.tenant_id, oid=uuid4()),
        }
        for tenant in tenants.order_by("provider__name", "name", "pk")[:_MAX_TENANTS]
    ]
    context = {
        "groups": groups,
        "unknown": provider.build_code_url(authorization_request, tid=uuid4(), oid=uuid4()),
        "cancel": authorization_request.build_cancel_url(),
    }
    return render(request, "demo/fake_entra.html", context)
