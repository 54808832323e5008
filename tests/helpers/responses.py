"""The responses of Django's test client, whose type exists only while types are checked."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as ClientResponse
else:
    from django.http import HttpResponse as ClientResponse

__all__ = ["ClientResponse", "codes"]


def codes(response: ClientResponse, field: str) -> list[str | None]:
    """Return the codes of the errors of a field of the form on the page."""
    return [error.code for error in response.context["form"].errors.as_data().get(field, [])]
