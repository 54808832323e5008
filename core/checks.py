"""System checks: of page policies at startup, and of DEBUG by `check --deploy`."""

from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.urls import URLPattern, URLResolver, get_resolver

from core.access import PagePolicy


@register(Tags.urls)
def check_page_policies(**kwargs: Any) -> list[CheckMessage]:
    """Return an error for each view of the URL configuration that does not say who may open it."""
    return [
        Error(f"{view.__module__}.{view.__name__} at “{address}” has no page policy.", id="core.E001")
        for address, view in _list_views(get_resolver())
        if not isinstance(getattr(view, "policy", None), PagePolicy)
    ]


@register(Tags.security, deploy=True)
def check_debug(**kwargs: Any) -> list[CheckMessage]:
    """Return an error for the settings of `make dev`; Django itself only warns."""
    return [Error("DEBUG shows settings and source code to visitors.", id="core.E002")] if settings.DEBUG else []


def _list_views(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, Callable[..., Any]]]:
    for pattern in resolver.url_patterns:
        address = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLPattern):
            yield address, pattern.callback
        else:
            yield from _list_views(pattern, address)
