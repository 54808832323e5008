"""The API with the routers of all resources."""

from ninja import NinjaAPI

from webservice.api import (
    authorizations,
    checkpoints,
    employers,
    faults,
    new_users,
    own,
    portals,
    sets,
    signals,
    team_contents,
    teams,
    tenants,
)

api = NinjaAPI(title="Loket", version="v2", urls_namespace="v2", openapi_url=None, docs_url=None)
faults.handle(api)
for part in (
    own,
    new_users,
    tenants,
    authorizations,
    sets,
    signals,
    teams,
    team_contents,
    employers,
    checkpoints,
    portals,
):
    api.add_router("", part.router)
