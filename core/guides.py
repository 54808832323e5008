"""Pages of docs/ for the developers of integrations, as every installation serves them."""

from django.http import HttpResponse

from core.paths import RESOURCES_DIR


def render_guide(name: str) -> HttpResponse:
    """Return the page `name` of the reference, as text."""
    text = (RESOURCES_DIR / "docs" / "reference" / f"{name}.md").read_text()
    return HttpResponse(text, content_type="text/plain; charset=utf-8", headers={"Content-Language": "en"})
