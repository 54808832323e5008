"""Encryption of stored secrets."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from core import encryption


def new_key() -> str:
    return base64.urlsafe_b64encode(encryption.secrets.token_bytes(32)).decode()


@given(st.binary(max_size=2000), st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=50))
def test_what_is_encrypted_can_be_decrypted(data: bytes, context: str) -> None:
    assert encryption.decrypt(encryption.encrypt(data, context=context), context=context) == data
    token = encryption.generate_token()
    encrypted = encryption.encrypt_with_token(data, token=token, context=context)
    assert encryption.decrypt_with_token(encrypted, token=token, context=context) == data


def test_the_same_looks_different_every_time() -> None:
    assert encryption.encrypt(b"secret", context="row") != encryption.encrypt(b"secret", context="row")
    assert b"secret" not in encryption.encrypt(b"secret", context="row")


def test_another_context_cannot_read_it() -> None:
    with pytest.raises(encryption.DecryptionError):
        encryption.decrypt(encryption.encrypt(b"secret", context="row 1"), context="row 2")
    token = encryption.generate_token()
    encrypted = encryption.encrypt_with_token(b"secret", token=token, context="row 1")
    with pytest.raises(encryption.DecryptionError):
        encryption.decrypt_with_token(encrypted, token=token, context="row 2")
    with pytest.raises(encryption.DecryptionError):
        encryption.decrypt_with_token(encrypted, token=encryption.generate_token(), context="row 1")


def test_a_changed_or_cut_bit_is_noticed() -> None:
    encrypted = encryption.encrypt(b"secret", context="row")
    for place in range(len(encrypted)):
        changed = bytearray(encrypted)
        changed[place] ^= 1
        with pytest.raises(encryption.DecryptionError):
            encryption.decrypt(bytes(changed), context="row")
        with pytest.raises(encryption.DecryptionError):
            encryption.decrypt(encrypted[:place], context="row")
    with pytest.raises(encryption.DecryptionError):
        encryption.decrypt_with_token(b"", token=encryption.generate_token(), context="row")


def test_keys_can_be_rotated(settings: Settings) -> None:
    old, new = new_key(), new_key()
    settings.LOKET_SEALING_KEYS = [old]
    encrypted, digest = (
        encryption.encrypt(b"secret", context="row"),
        encryption.compute_keyed_hash("123456", purpose="code"),
    )
    settings.LOKET_SEALING_KEYS = [new, old]
    assert encryption.decrypt(encrypted, context="row") == b"secret"
    assert encryption.verify_keyed_hash("123456", digest, purpose="code")
    fresh = encryption.encrypt(b"secret", context="row")
    assert encryption.compute_keyed_hash("123456", purpose="code") != digest
    settings.LOKET_SEALING_KEYS = [new]
    assert encryption.decrypt(fresh, context="row") == b"secret"
    assert not encryption.verify_keyed_hash("123456", digest, purpose="code")
    with pytest.raises(encryption.DecryptionError):
        encryption.decrypt(encrypted, context="row")


def test_a_key_of_the_wrong_length_is_refused(settings: Settings) -> None:
    settings.LOKET_SEALING_KEYS = [base64.urlsafe_b64encode(b"short").decode()]
    with pytest.raises(ValueError, match="32 bytes"):
        encryption.encrypt(b"secret", context="row")


def test_hashes_of_codes_belong_to_a_purpose() -> None:
    digest = encryption.compute_keyed_hash("123456", purpose="code")
    assert encryption.verify_keyed_hash("123456", digest, purpose="code")
    assert not encryption.verify_keyed_hash("123457", digest, purpose="code")
    assert not encryption.verify_keyed_hash("123456", digest, purpose="browser")


def test_tokens_are_long_and_known_by_their_hash() -> None:
    tokens = {encryption.generate_token() for _number in range(100)}
    assert len(tokens) == 100
    assert {len(token) for token in tokens} == {43}
    assert {len(encryption.hash_token(token)) for token in tokens} == {64}
