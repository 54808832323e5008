"""The project: settings, URLs, entry points, commands that compose."""

import sys

# structlog would import rich to color tracebacks on a terminal, which no log of ours does: 4 MB in every process.
if "rich" not in sys.modules:
    sys.modules["rich"] = None  # type: ignore[assignment]
    import structlog as structlog

    del sys.modules["rich"]
