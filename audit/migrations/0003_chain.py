"""The chain, and triggers that refuse every change of what is in it."""

from django.db import migrations, models

import loket.ids
from audit.append_only import REFUSE, append_only

# An event waits from the moment it is there until it has its link, and nobody can say otherwise: the application may
# neither write to this table nor give a link to what does not wait.
WAITS = """
CREATE FUNCTION audit_wait() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO audit_waiting (event_id, provider_id) SELECT id, provider_id FROM fresh;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_event_waits AFTER INSERT ON audit_event REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION audit_wait();
CREATE FUNCTION audit_waited() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    gone bigint;
BEGIN
    DELETE FROM audit_waiting USING fresh WHERE audit_waiting.event_id = fresh.event_id
        AND audit_waiting.provider_id IS NOT DISTINCT FROM fresh.provider_id;
    GET DIAGNOSTICS gone = ROW_COUNT;
    IF gone <> (SELECT count(*) FROM fresh) THEN
        RAISE EXCEPTION 'only an event that waits gets a link' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_link_waited AFTER INSERT ON audit_link REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION audit_waited();
INSERT INTO audit_waiting (event_id, provider_id) SELECT id, provider_id FROM audit_event;
"""
WAITS_NOT = """
DROP TRIGGER audit_link_waited ON audit_link;
DROP FUNCTION audit_waited();
DROP TRIGGER audit_event_waits ON audit_event;
DROP FUNCTION audit_wait();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0002_sealed_parts"),
    ]

    operations = [
        migrations.CreateModel(
            name="Waiting",
            fields=[
                ("event_id", models.UUIDField(primary_key=True, serialize=False)),
                ("provider_id", models.UUIDField(null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["provider_id", "event_id"], name="audit_waiting_provider")],
            },
        ),
        migrations.CreateModel(
            name="Link",
            fields=[
                ("event_id", models.UUIDField(primary_key=True, serialize=False)),
                ("provider_id", models.UUIDField(null=True)),
                ("sequence", models.BigIntegerField()),
                ("hash", models.CharField(max_length=64)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("provider_id", "sequence"), name="audit_link_sequence", nulls_distinct=False
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("sequence__gte", 1)), name="audit_link_counts_from_one"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("id", models.UUIDField(default=loket.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("provider_id", models.UUIDField(null=True)),
                ("kind", models.CharField(choices=[("head", "Head"), ("start", "Start")], max_length=5)),
                ("sequence", models.BigIntegerField()),
                ("signed", models.JSONField()),
            ],
            options={
                "indexes": [models.Index(fields=["provider_id", "kind", "-sequence"], name="audit_checkpoint_newest")],
            },
        ),
        migrations.RemoveIndex("event", "audit_event_provider"),
        migrations.RemoveIndex("event", "audit_event_target"),
        migrations.AddIndex(
            "event",
            models.Index(fields=["provider_id", "-at", "-id"], name="audit_event_by_moment"),
        ),
        migrations.AddIndex(
            "event",
            models.Index(fields=["provider_id", "target_id", "-at", "-id"], name="audit_event_by_target"),
        ),
        migrations.AddIndex(
            "event",
            models.Index(fields=["provider_id", "actor_id", "-at", "-id"], name="audit_event_by_actor"),
        ),
        migrations.RunSQL(REFUSE, "DROP FUNCTION audit_refuse()"),
        append_only("audit_event"),
        append_only("audit_link"),
        append_only("audit_checkpoint"),
        migrations.RunSQL(WAITS, WAITS_NOT),
    ]
