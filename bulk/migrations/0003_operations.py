import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import bulk.models
import loket.ids
from loket.tenant_keys import same_office


class Migration(migrations.Migration):
    """Files that were sent in are kept for an hour only: those that wait now are sent again."""

    dependencies = [
        ("accounts", "0009_history_of_the_office"),
        ("bulk", "0002_same_office"),
    ]
    operations = [
        migrations.DeleteModel(name="Upload"),
        migrations.CreateModel(
            name="Operation",
            fields=[
                ("id", models.UUIDField(default=loket.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("users", "Users"),
                            ("several", "Several"),
                            ("teams", "Teams"),
                            ("undo", "Undo"),
                            ("undo_teams", "Undo Teams"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("wanted", "Wanted"), ("planned", "Planned"), ("asked", "Asked"), ("done", "Done")],
                        default="planned",
                        max_length=7,
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("invite", models.BooleanField(default=False)),
                ("sealed_input", models.BinaryField(null=True)),
                ("sealed_summary", models.BinaryField()),
                ("digest", models.CharField(max_length=64)),
                ("address", models.CharField(blank=True, max_length=45)),
                ("language", models.CharField(default="nl", max_length=2)),
                ("correlation_id", models.CharField(blank=True, max_length=36)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("asked_at", models.DateTimeField(null=True)),
                ("done_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField(db_index=True, default=bulk.models.in_an_hour)),
                (
                    "provider",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.provider"
                    ),
                ),
                (
                    "undoes",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="undoings",
                        to="bulk.operation",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["wanted", "asked"])), fields=["asked_at"], name="operation_asked"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("id", "provider"), name="operation_id_provider"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "done"), _negated=True),
                            models.Q(("done_at__isnull", False), ("sealed_input", None)),
                            _connector="OR",
                        ),
                        name="operation_done_without_input",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Page",
            fields=[
                ("id", models.UUIDField(default=loket.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("what", models.CharField(choices=[("items", "Items"), ("faults", "Faults")], max_length=6)),
                ("number", models.PositiveIntegerField()),
                ("sealed_values", models.BinaryField()),
                (
                    "operation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="pages", to="bulk.operation"
                    ),
                ),
                (
                    "provider",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.provider"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("operation", "what", "number"), name="page_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Progress",
            fields=[
                (
                    "operation",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="progress",
                        serialize=False,
                        to="bulk.operation",
                    ),
                ),
                ("done", models.PositiveIntegerField(default=0)),
                ("total", models.PositiveIntegerField(default=0)),
                (
                    "provider",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.provider"
                    ),
                ),
            ],
        ),
        same_office("bulk_operation", "user_id", "accounts_user"),
        same_office("bulk_operation", "undoes_id", "bulk_operation"),
        same_office("bulk_page", "operation_id", "bulk_operation"),
        same_office("bulk_progress", "operation_id", "bulk_operation"),
    ]
