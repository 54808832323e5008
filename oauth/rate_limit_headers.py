"""Rate limit response headers (draft-ietf-httpapi-ratelimit-headers-07)."""

import math

from django.http import HttpResponse

from core.throttle import AttemptsLeft, RateLimit, Throttled


def set_rate_limit_headers(response: HttpResponse, limit: RateLimit, left: AttemptsLeft) -> None:
    """Set the RateLimit headers on `response`; the reset is in seconds."""
    response["RateLimit-Limit"] = str(limit.burst)
    response["RateLimit-Remaining"] = str(left.tries)
    response["RateLimit-Reset"] = str(math.ceil(left.full_in.total_seconds()))


def set_retry_after_header(response: HttpResponse, error: Throttled) -> None:
    """Set Retry-After, in seconds, on a 429 response."""
    response["Retry-After"] = str(error.seconds)
