"""Agreeing on the consent page of an integration."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.test import Client

from oauth.models import Application


def allow(client: Client, address: str, **more: Any) -> Any:
    """Submit the consent page of the authorization request at `address`, with the version that it shows."""
    client_id = parse_qs(urlsplit(address).query)["client_id"][0]
    return client.post(address, {"shown_version": Application.objects.get(client_id=client_id).version}, **more)


def read_target(response: Any) -> str:
    """Return where a response leads: by redirect, or by the page that goes on by itself after a form."""
    return str(response["Location"] if "Location" in response else response.context["address"])
