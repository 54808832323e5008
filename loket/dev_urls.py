"""URL configuration of `make dev`: the pages of the debug toolbar and those of the project."""

from debug_toolbar import APP_NAME
from debug_toolbar.toolbar import DebugToolbar
from django.urls import URLPattern, URLResolver, include, path

from core.access import Access, DuringImpersonation, page
from loket import urls

handler400, handler403, handler404, handler500 = urls.handler400, urls.handler403, urls.handler404, urls.handler500
_toolbar = DebugToolbar.get_urls()
for _pattern in _toolbar:  # each asks itself whether the toolbar may be shown
    page(
        Access.PUBLIC,
        methods=None,
        impersonation=DuringImpersonation.AS_SUPPORT,
        before_second_factor=True,
        during_enrollment=True,
    )(_pattern.callback)  # type: ignore[type-var]
urlpatterns: list[URLPattern | URLResolver] = [
    path("__debug__/", include((_toolbar, APP_NAME))),
    *urls.urlpatterns,
]
