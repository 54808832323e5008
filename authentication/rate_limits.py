"""Rate limits of signing in and of forgotten passwords."""

from datetime import timedelta

from core.throttle import RateLimit

LINK_LIMIT = RateLimit("password link", burst=60, every=timedelta(seconds=5))  # opened, by network address
PASSKEY_LIMIT = RateLimit("passkey", burst=60, every=timedelta(seconds=5))  # asked for, by network address
CURRENT_PASSWORD_LIMIT = RateLimit("current password", burst=10, every=timedelta(minutes=1))  # by user
MICROSOFT_LIMIT = RateLimit("microsoft network", burst=200, every=timedelta(seconds=2))  # by network address, both ways
ACCOUNT_LIMIT = RateLimit("sign-in account", burst=10, every=timedelta(minutes=1))  # by username, for unknown browsers
DEVICE_LIMIT = RateLimit("sign-in device", burst=10, every=timedelta(minutes=1))  # by username and browser
NETWORK_LIMIT = RateLimit("sign-in network", burst=50, every=timedelta(seconds=10))  # by network, for unknown browsers
RESET_NETWORK_LIMIT = RateLimit("forgotten network", burst=10, every=timedelta(minutes=1))
RESET_EMAIL_LIMIT = RateLimit("forgotten address", burst=3, every=timedelta(minutes=20))
RESET_USER_LIMIT = RateLimit("forgotten mail", burst=3, every=timedelta(minutes=20))  # by user
LONG_URL_LIMIT = RateLimit("long address", burst=60, every=timedelta(seconds=5))  # kept, by network address
LATE_FORM_LIMIT = RateLimit("late form", burst=20, every=timedelta(minutes=5))  # kept without a session, by user
