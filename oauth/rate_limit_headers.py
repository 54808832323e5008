"""Rate limit response headers (draft-ietf-httpapi-ratelimit-headers-10)."""

import math
from datetime import timedelta

from core.throttle import AttemptsLeft, RateLimit

# Per client, once authenticated.
CLIENT_TOKEN_LIMIT = RateLimit("token client", burst=200, every=timedelta(milliseconds=100))


def build_rate_limit_headers(limit: RateLimit, left: AttemptsLeft) -> dict[str, str]:
    """Return the RateLimit headers of a response: times are in seconds, and `t` is when all attempts are back."""
    window = math.ceil((limit.burst * limit.every).total_seconds())
    return {
        "RateLimit-Policy": f'"{limit.name}";q={limit.burst};w={window}',
        "RateLimit": f'"{limit.name}";r={left.tries};t={math.ceil(left.full_in.total_seconds())}',
    }
