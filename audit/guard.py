"""Redaction of event changes: no secrets, and no values with more than one JSON spelling."""

from typing import Any

# Fields whose values are never recorded, whichever action passes them; only these words are kept as they are.
_SECRET = frozenset(
    {
        "password",
        "token",
        "token_hash",
        "secret",
        "sealed_secret",
        "code",
        "code_hash",
        "mobile_number",
        "sealed_phone",
        "sealed_key",
        "browser_hash",
    }
)
_WORDS = frozenset({None, "", "changed", "given", "member"})


def checked(changes: dict[str, list[Any]] | None) -> dict[str, list[Any]]:
    """Return `changes` with values of secret fields replaced by the word "changed".

    Raises TypeError for values other than str, int, bool, None, or lists and dicts of these.
    """
    return {field: _masked(field, _plain(values)) for field, values in (changes or {}).items()}


def _masked(field: str, values: list[Any]) -> list[Any]:
    if field not in _SECRET:
        return values
    return [value if isinstance(value, str | None) and value in _WORDS else "changed" for value in values]


def _plain(value: Any) -> Any:
    if value is None or type(value) in (str, int, bool):
        return value
    if isinstance(value, str | int):  # a member of an enumeration
        return str.__str__(value) if isinstance(value, str) else int(value)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain(one) for key, one in value.items()}
    raise TypeError(f"an event cannot hold a {type(value).__name__}")
