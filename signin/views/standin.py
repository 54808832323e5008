"""Sign-in page of the fake Entra: pick a user."""

from uuid import uuid4

from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.models import ExternalTenant, User
from loket.local import require_demo
from signin import standin
from signin.standin import NotAllowed
from teams.access import public

_MOST = 50


@public
@require_GET
@never_cache
def choose(request: HttpRequest) -> HttpResponse:
    """List the users of each tenant, an unknown user and Cancel; each links back to the callback of Loket."""
    require_demo(request)
    provider = standin.of_demo()
    try:
        asked = provider.asked(request.GET.dict())
    except NotAllowed as refusal:
        return render(request, "demo/fake_entra_error.html", {"refusal": refusal}, status=400)
    people = User.objects.order_by("sort_name", "pk")
    tenants = ExternalTenant.objects.select_related("provider").prefetch_related(Prefetch("users", people))
    groups = [
        {
            "tenant": tenant,
            "people": [
                (person, provider.chosen(asked, tid=tenant.tenant_id, oid=person.external_user_id))
                for person in tenant.users.all()
                if person.external_user_id is not None
            ],
            "newcomer": provider.chosen(asked, tid=tenant.tenant_id, oid=uuid4()),
        }
        for tenant in tenants.order_by("provider__name", "name", "pk")[:_MOST]
    ]
    context = {
        "groups": groups,
        "unknown": provider.chosen(asked, tid=uuid4(), oid=uuid4()),
        "cancel": asked.denied(),
    }
    return render(request, "demo/fake_entra.html", context)
