"""The key rotation drill: old and new keys decrypt, everything is re-encrypted, and the old key can be removed."""

import base64
import os
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db.models import BinaryField

import audit.actions
import audit.export
import authentication.actions
from accounts.models import User
from audit import checkpoints, verify
from audit.models import Event, UserEncryptionKey, Verb
from authentication.mfa import actions as factors
from authentication.models import AuthenticatorApp, PasswordResetRequest
from core import encryption
from imports import storage
from imports.models import ImportJob, ImportJobPage
from monitoring import key_rotation
from oauth.models import IdempotentResponse, SigningKey
from outbox.models import Message
from scim.models import DirectoryConnection, DirectoryUser
from senders.signing import generate_key
from tests.helpers.invited_users import Invited, invite, token_of
from tests.helpers.mfa import code_now, give_app, secret_of
from tests.helpers.users import PASSWORD, actor

pytestmark = pytest.mark.django_db


def new_key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def test_every_encrypted_column_is_known() -> None:
    """Only what is encrypted with a token that the database lacks is excluded: none of our keys decrypts it."""
    found = {
        (model, field.name)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, BinaryField) and field.name.startswith("encrypted_")
    }
    aside = {
        (apps.get_model("invitations", "Invitation"), "encrypted_phone"),
        (apps.get_model("oauth", "RefreshToken"), "encrypted_response"),
        (apps.get_model("oauth", "PushedRequest"), "encrypted_parameters"),
    }
    assert found - aside == {(column.model, column.name) for column in key_rotation.ENCRYPTED_COLUMNS}


@pytest.fixture
def secret(alice: User, bob: User) -> bytes:
    """A secret in every place; returns the secret of bob's app."""
    SigningKey.objects.create_missing()
    authentication.actions.request_password_reset(alice.email, address="203.0.113.7")
    answer = IdempotentResponse(provider=alice.provider, user=alice, key_hash="k", body_hash="b")
    answer.encrypted_response = encryption.encrypt(b"{}", context=answer.encryption_context)
    answer.save()
    job = ImportJob(provider=alice.provider, user=alice, kind=ImportJob.Kind.USERS, name="file", digest="d")
    storage.set_input(job, b"x")
    storage.set_summary(job, storage.EMPTY_SUMMARY)
    job.save()
    storage.store_pages(job, ImportJobPage.ListName.ITEMS, [1])
    generate_key(alice.office).save()
    connection = DirectoryConnection.objects.create(provider=alice.provider, name="Okta", login_method="website_sso")
    waiting = DirectoryUser(provider=alice.provider, connection=connection, user_name="x", attributes={})
    waiting.encrypted_phone = encryption.encrypt(b"+31612345678", context=waiting.encryption_context)
    waiting.save()
    return give_app(bob)


def rotate_key(*options: str) -> list[str]:
    output = StringIO()
    call_command("rotate_encryption_key", *options, stdout=output)
    return output.getvalue().splitlines()


@pytest.mark.slow
def test_the_old_key_can_be_dropped_after_the_rotation(alice: User, bob: User, secret: bytes, settings: Any) -> None:
    (old,) = settings.LOKET_SEALING_KEYS
    invited, new = invite(alice), new_key()
    settings.LOKET_SEALING_KEYS = [new, old]
    assert_all_is_read(invited, bob, secret)
    younger = invite(alice, email="q@devries.example")
    before = {found.column: found for found in key_rotation.rotate_keys(reencrypt=False)}
    assert all(found.older_key_count and not found.unreadable_count for found in before.values()), before
    mixed = before[next(column for column in key_rotation.ENCRYPTED_COLUMNS if column.model is Message)]
    assert 0 < mixed.older_key_count < mixed.value_count, "new values are encrypted with the new key"

    said = rotate_key()
    assert any(line.startswith("audit_userencryptionkey.encrypted_key: ") and "0 unreadable" in line for line in said)
    settings.LOKET_SEALING_KEYS = [new]
    assert_all_is_read(invited, bob, secret)
    assert all(
        found.value_count and not (found.older_key_count or found.unreadable_count)
        for found in key_rotation.rotate_keys(reencrypt=False)
    )
    for one in (invited, younger):
        one.prove()
        choice = {"username": f"p{one.token[:6]}", "password": PASSWORD, "password_again": PASSWORD}
        assert one.post("create_account", **choice).status_code == 302
        one.invitation.refresh_from_db()
        assert one.invitation.state == "accepted"


def assert_all_is_read(invited: Invited, bob: User, secret: bytes) -> None:
    assert token_of(invited.invitation) == invited.token, "the letter that waits is read"
    assert secret_of(AuthenticatorApp.objects.get(user=bob)) == secret
    assert SigningKey.objects.get_current().jwk.has_private
    assert all(key.decrypt_key() for key in UserEncryptionKey.objects.all())
    assert [event.target_name for event in Event.objects.filter(target_id=bob.pk)] != []
    assert "not readable" not in {event.target_name for event in Event.objects.all()}
    assert PasswordResetRequest.objects.exists()


def test_without_the_old_key_it_says_so_and_changes_nothing(secret: bytes, settings: Any) -> None:
    rows = list(SigningKey.objects.values_list("encrypted_pem", flat=True))
    settings.LOKET_SEALING_KEYS = [new_key()]
    for options in ([], ["--check"]):
        with pytest.raises(CommandError, match="a key is missing in LOKET_SEALING_KEYS"):
            rotate_key(*options)
    assert list(SigningKey.objects.values_list("encrypted_pem", flat=True)) == rows


def test_looking_changes_nothing(secret: bytes, settings: Any) -> None:
    settings.LOKET_SEALING_KEYS = [new_key(), *settings.LOKET_SEALING_KEYS]
    rows = list(SigningKey.objects.values_list("encrypted_pem", flat=True))
    assert "oauth_signingkey.encrypted_pem: 2, 2 with an older key, 0 unreadable" in rotate_key("--check")
    assert list(SigningKey.objects.values_list("encrypted_pem", flat=True)) == rows
    assert "oauth_signingkey.encrypted_pem: 2, 2 re-encrypted, 0 unreadable" in rotate_key()
    assert "oauth_signingkey.encrypted_pem: 2, 0 re-encrypted, 0 unreadable" in rotate_key()


def test_recovery_codes_keep_needing_the_key_of_their_day(alice: User, bob: User, settings: Any) -> None:
    give_app(bob)
    first, second, *_others = factors.generate_recovery_codes(bob, by=actor(bob))
    (old,) = settings.LOKET_SEALING_KEYS
    settings.LOKET_SEALING_KEYS = [new := new_key(), old]
    assert rotate_key()[-1] == "Recovery codes are hashed and keep their key. Users with unused codes: 1."
    assert factors.verify_recovery_code(bob, first, by=actor(bob))
    settings.LOKET_SEALING_KEYS = [new]
    assert not factors.verify_recovery_code(bob, second, by=actor(bob))


def test_an_app_goes_on_through_it_all(bob: User, settings: Any) -> None:
    secret = give_app(bob)
    settings.LOKET_SEALING_KEYS = [new := new_key(), *settings.LOKET_SEALING_KEYS]
    rotate_key()
    settings.LOKET_SEALING_KEYS = [new]
    assert factors.verify_totp_code(bob, code_now(secret))


def public(path: Path) -> Path:
    path.write_bytes(checkpoints.get_public_key_pem())
    return path


def loaded(path: Path) -> Ed25519PublicKey:
    key = load_pem_public_key(path.read_bytes())
    assert isinstance(key, Ed25519PublicKey)
    return key


def test_checkpoints_of_an_older_key_count_beside_the_older_public_key(
    alice: User, bob: User, settings: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def change() -> None:
        audit.actions.record(Verb.USER_CHANGED, bob, by=actor(alice), provider_id=bob.provider_id)

    change()
    kept, older = tmp_path / "old.json", public(tmp_path / "older.pem")
    kept.write_bytes(verify.encode_canonical_json(checkpoints.sign_current_head(bob.provider_id)))
    settings.LOKET_CHECKPOINT_KEY = new_key()
    change()
    export, newer = tmp_path / "export.jsonl", public(tmp_path / "public.pem")
    export.write_bytes(b"".join(audit.export.begin_export(alice.provider, by=actor(alice)).lines()))
    assert verify.main([str(export), str(kept), str(newer), str(older)]) == 0
    assert capsys.readouterr().out.startswith("intact: events up to 3")
    for keys in ([newer], [older]):
        assert verify.main([str(export), str(kept), *map(str, keys)]) == 1
        assert "the signature of the checkpoint of" in capsys.readouterr().out
    for wrong in ([str(newer)], [str(kept)]):
        assert verify.main([str(export), *wrong, *wrong]) == 2
