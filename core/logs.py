"""Structured logs: one JSON object per line with the correlation id of the request, never with e-mail addresses."""

import traceback
from pathlib import Path
from typing import Any

import structlog

_ROOT_PREFIX = f"{Path(__file__).parent.parent}/"
_MAX_FRAMES = 30  # innermost frames of an error


def get_correlation_id() -> str:
    """Return the correlation id of the current request or job, or an empty string outside both."""
    return str(structlog.contextvars.get_contextvars().get("correlation_id", ""))


def format_traceback(error: BaseException | None) -> list[str]:
    """Return the frames of an error, outermost first, followed by those of its causes.

    Files, lines, functions, classes of errors and constraints only: the message may hold a name, an address or a
    secret, and databases quote whole rows.
    """
    lines: list[str] = []
    while error is not None:
        for frame in traceback.extract_tb(error.__traceback__)[-_MAX_FRAMES:]:
            name = frame.filename.rpartition("site-packages/")[2].removeprefix(_ROOT_PREFIX)
            lines.append(f"{name}:{frame.lineno} {frame.name}")
        constraint = getattr(getattr(error, "diag", None), "constraint_name", None) or ""
        lines.append(f"{type(error).__module__}.{type(error).__qualname__} {constraint}".rstrip())
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return lines


_shared_processors: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _shared_processors,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    # Django's request logger writes URLs, which may hold a token; our access log replaces it.
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.request": {"handlers": [], "level": "CRITICAL", "propagate": False},
        "django.server": {"handlers": [], "level": "CRITICAL", "propagate": False},
        "django.security": {"handlers": [], "level": "CRITICAL", "propagate": False},
        # These log the number of an SMS and the key of the gateway; the outbox logs the result.
        "apprise": {"handlers": [], "level": "CRITICAL", "propagate": False},
        "urllib3": {"handlers": [], "level": "CRITICAL", "propagate": False},
        # Quotes responses of Microsoft, which may hold tokens.
        "msal": {"handlers": [], "level": "CRITICAL", "propagate": False},
        # These quote codes and tokens.
        "oauthlib": {"handlers": [], "level": "CRITICAL", "propagate": False},
        "oauth2_provider": {"handlers": [], "level": "CRITICAL", "propagate": False},
    },
}

structlog.configure(
    processors=[*_shared_processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
