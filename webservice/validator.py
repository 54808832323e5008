"""What the library asks us about programs, people and tokens."""

from oauth2_provider.oauth2_validators import OAuth2Validator


class Validator(OAuth2Validator):  # type: ignore[misc]
    """Our answers."""
