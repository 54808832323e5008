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
        ("audit", "0001_initial"),
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
    ]
