"""Rate limit of token requests, and rate limit response headers (draft-ietf-httpapi-ratelimit-headers-07)."""

import math
from datetime import timedelta

from core.throttle import AttemptsLeft, RateLimit

# Per client, once authenticated.
CLIENT_TOKEN_LIMIT = RateLimit("token client", burst=200, every=timedelta(milliseconds=100))


def build_rate_limit_headers(limit: RateLimit, left: AttemptsLeft) -> dict[str, str]:
    """Return the RateLimit headers of a response; the reset is in seconds."""
    return {
        "RateLimit-Limit": str(limit.burst),
        "RateLimit-Remaining": str(left.tries),
        "RateLimit-Reset": str(math.ceil(left.full_in.total_seconds())),
    }
