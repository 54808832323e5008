"""How often the buttons of these pages may mail one address: whoever may press them may not flood anybody."""

from datetime import timedelta

from signin import throttle
from signin.throttle import Limit

_MAILS = Limit("mail by button", burst=10, every=timedelta(minutes=6))


def charge(*addresses: str) -> None:
    """Count one mail to each of `addresses`. Raises Throttled."""
    for address in addresses:
        throttle.charge(_MAILS, address.lower())
