"""The API with the routers of all resources."""

from ninja import NinjaAPI

from api import (
    authorization_sets,
    authorizations,
    changes,
    checkpoints,
    create_users,
    duties,
    employers,
    errors,
    integrations,
    me,
    notifications,
    passwords,
    reviews,
    team_contents,
    teams,
    tenants,
)

api = NinjaAPI(title="Loket", version="v2", urls_namespace="v2", openapi_url=None, docs_url=None)
errors.register_exception_handlers(api)
for part in (
    me,
    create_users,
    tenants,
    authorizations,
    authorization_sets,
    notifications,
    passwords,
    teams,
    team_contents,
    employers,
    checkpoints,
    duties,
    integrations,
    changes,
    reviews,
):
    api.add_router("", part.operations.router)
api.add_router("", integrations.user_operations.router)
api.add_router("", changes.team_operations.router)
