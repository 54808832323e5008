"""What says who somebody is, is sealed with a key of that person from now on; older events too."""

import secrets
from collections.abc import Iterator
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import migrations, models

import loket.ids
from audit import verify
from loket import sealing


class Keys(dict):
    """A key for each person who is asked for, made then."""

    def __init__(self, model) -> None:
        self.model = model

    def __missing__(self, person_id: UUID) -> tuple[str, AESGCM]:
        row, key = self.model(person_id=person_id), secrets.token_bytes(32)
        row.sealed_key = sealing.seal(key, context=f"person:{row.pk}")
        row.save(force_insert=True)
        self[person_id] = str(row.pk), AESGCM(key)
        return self[person_id]


def seal(apps, schema_editor) -> None:
    event_model, keys = apps.get_model("audit", "Event"), Keys(apps.get_model("audit", "PersonKey"))

    def part(event, name: str, content: dict, person_id: UUID | None) -> dict:
        if person_id is None:
            return content
        key_id, key = keys[person_id]
        sealed = verify.seal(content, key, secrets.token_bytes(12), event_id=str(event.pk), name=name)
        return {"key": key_id, "person_id": str(person_id), "sealed": sealed}

    for batch in _batches(event_model):
        for event in batch:
            person = event.target_id if event.target_kind == "user" else None
            who = {"address": event.address, "name": event.actor_name}
            event.who = part(event, "who", who, event.actor_id or (person if event.address else None))
            what = {"changes": event.changes, "name": event.target_name, "reason": event.reason}
            event.what = part(event, "what", what, person)
        event_model.objects.bulk_update(batch, ["who", "what"])


def _batches(event_model) -> Iterator[list]:
    last = UUID(int=0)
    while batch := list(event_model.objects.filter(pk__gt=last).order_by("pk")[:500]):
        yield batch
        last = batch[-1].pk


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0007_ended_sessions"),
    ]

    operations = [
        migrations.CreateModel(
            name="PersonKey",
            fields=[
                ("id", models.UUIDField(default=loket.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("person_id", models.UUIDField(db_index=True)),
                ("sealed_key", models.BinaryField(null=True)),
            ],
        ),
        migrations.AddField("event", "who", models.JSONField(null=True)),
        migrations.AddField("event", "for_whom", models.JSONField(null=True)),
        migrations.AddField("event", "what", models.JSONField(null=True)),
        migrations.RunPython(seal, elidable=True),
        migrations.AlterField("event", "who", models.JSONField()),
        migrations.AlterField("event", "what", models.JSONField()),
        migrations.RemoveField("event", "actor_name"),
        migrations.RemoveField("event", "address"),
        migrations.RemoveField("event", "on_behalf_of_name"),
        migrations.RemoveField("event", "target_name"),
        migrations.RemoveField("event", "changes"),
        migrations.RemoveField("event", "reason"),
        migrations.AlterField(
            model_name="event",
            name="verb",
            field=models.CharField(
                choices=[
                    ("provider_created", "created the office"),
                    ("provider_changed", "changed the office"),
                    ("tenant_added", "added the Azure AD tenant"),
                    ("tenant_renamed", "renamed the Azure AD tenant"),
                    ("tenant_proved", "confirmed the Azure AD tenant"),
                    ("tenant_removed", "removed the Azure AD tenant"),
                    ("text_changed", "changed an e-mail text"),
                    ("user_created", "created"),
                    ("user_changed", "changed"),
                    ("user_blocked", "blocked"),
                    ("user_unblocked", "unblocked"),
                    ("kind_changed", "changed the login method"),
                    ("username_sent", "sent the username"),
                    ("email_change_asked", "asked to change the e-mail address"),
                    ("email_changed", "changed the e-mail address"),
                    ("invitation_sent", "sent the invitation"),
                    ("invitation_opened", "opened the invitation"),
                    ("invitation_locked", "locked the invitation after wrong codes"),
                    ("invitation_accepted", "accepted the invitation"),
                    ("invitation_revoked", "revoked the invitation"),
                    ("invitation_expired", "let the invitation expire"),
                    ("code_sent", "had a code sent"),
                    ("phone_proved", "typed the right code"),
                    ("code_refused", "typed a wrong code"),
                    ("rights_changed", "changed the rights"),
                    ("teams_changed", "changed the teams"),
                    ("team_created", "created the team"),
                    ("team_changed", "changed the team"),
                    ("team_deleted", "deleted the team"),
                    ("employer_created", "created the employer"),
                    ("employer_changed", "changed the employer"),
                    ("set_created", "created the authorization set"),
                    ("set_changed", "changed the authorization set"),
                    ("set_deleted", "deleted the authorization set"),
                    ("set_applied", "applied an authorization set"),
                    ("exported", "exported"),
                    ("signed_in", "signed in"),
                    ("signed_out", "signed out"),
                    ("sign_in_refused", "was refused at signing in"),
                    ("password_changed", "changed the password"),
                    ("password_link_sent", "had a link sent for a new password"),
                    ("factor_added", "added a device for two-factor"),
                    ("factor_renamed", "renamed a device for two-factor"),
                    ("factor_removed", "removed a device for two-factor"),
                    ("factors_reset", "reset two-factor"),
                    ("recovery_codes_made", "made recovery codes"),
                    ("recovery_code_used", "used a recovery code"),
                    ("session_ended", "ended a session"),
                    ("sessions_ended", "ended all sessions"),
                    ("user_erased", "erased"),
                    ("history_trimmed", "removed old history"),
                ],
                max_length=30,
            ),
        ),
    ]
