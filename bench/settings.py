"""Settings of the product, plus the template of the bare view."""

from pathlib import Path
from typing import cast

from loket.settings import *  # noqa: F403
from loket.settings import BASE_DIR, TEMPLATES

cast("list[Path]", TEMPLATES[0]["DIRS"]).append(BASE_DIR / "bench")
