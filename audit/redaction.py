"""Redaction of event changes: no secrets, and no values with more than one JSON spelling."""

from typing import Any

from audit.changes import Change, Changes

# Fields whose values are never recorded, whichever action passes them; only these words are kept as they are.
_SECRET_FIELDS = frozenset({
    "password", "token", "token_hash", "secret", "encrypted_secret", "code", "code_hash", "code_hashes",
    "mobile_number", "encrypted_phone", "encrypted_key", "browser_hash",
})  # fmt: skip
_ALLOWED_WORDS = frozenset({None, "", "changed", "given", "member"})


def redact_changes(changes: Changes | None) -> Changes:
    """Return `changes` with values of secret fields replaced by the word "changed".

    Raises TypeError for values other than str, int, bool, None, or lists and dicts of these.
    """
    return {field: _mask_secrets(field, _to_plain(values)) for field, values in (changes or {}).items()}


def _mask_secrets(field: str, values: Change) -> Change:
    if field not in _SECRET_FIELDS:
        return values
    return [value if isinstance(value, str | None) and value in _ALLOWED_WORDS else "changed" for value in values]


def _to_plain(value: Any) -> Any:
    if value is None or type(value) in (str, int, bool):
        return value
    if isinstance(value, str | int):  # a member of an enumeration
        return str.__str__(value) if isinstance(value, str) else int(value)
    if isinstance(value, list | tuple):
        return [_to_plain(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _to_plain(item) for key, item in value.items()}
    raise TypeError(f"an event cannot hold a {type(value).__name__}")
