"""Limits on calls, and the headers that tell a program about them (draft-ietf-httpapi-ratelimit-headers-07)."""

import math

from django.http import HttpResponse

from signin.throttle import Left, Limit, Throttled


def tell(response: HttpResponse, limit: Limit, left: Left) -> None:
    """Write into `response` how much of `limit` is left, and in how many seconds all of it is back."""
    response["RateLimit-Limit"] = str(limit.burst)
    response["RateLimit-Remaining"] = str(left.tries)
    response["RateLimit-Reset"] = str(math.ceil(left.full_in.total_seconds()))


def refuse(response: HttpResponse, error: Throttled) -> None:
    """Write into `response`, whose status is 429, after how many seconds the next call is let through."""
    response["Retry-After"] = str(error.seconds)
