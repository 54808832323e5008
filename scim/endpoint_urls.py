"""Addresses below `/scim/`, imported at the first call."""

from django.urls import path, re_path

from scim.endpoint import endpoint, unknown_address

app_name = "scim_v2"
urlpatterns = [
    path("v2/<uuid:connection_id>", endpoint, name="root"),
    path("v2/<uuid:connection_id>/", endpoint, name="root_with_slash"),
    path("v2/<uuid:connection_id>/<path:path>", endpoint, name="endpoint"),
    re_path(r"^[\s\S]*$", unknown_address, name="unknown_address"),
]
