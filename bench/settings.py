"""Settings of the product, plus the template of the bare view."""

from loket.settings import *  # noqa: F403
from loket.settings import BASE_DIR, TEMPLATES

TEMPLATES[0]["DIRS"].append(BASE_DIR / "bench")
