import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import loket.ids
from loket.tenant_keys import same_office


class Migration(migrations.Migration):
    initial = True
    dependencies = [("accounts", "0011_support_may_look"), ("signin", "0008_sso_sessions")]
    operations = [
        migrations.CreateModel(
            name="Look",
            fields=[
                (
                    "id",
                    models.UUIDField(default=loket.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("reason", models.CharField(max_length=500)),
                ("started_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "helper",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "provider",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.provider"
                    ),
                ),
                (
                    "session",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="signin.opensession",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)), fields=("helper",), name="look_one_at_a_time"
                    )
                ],
            },
        ),
        same_office("support_look", "person_id", "accounts_user"),
        migrations.RunSQL(
            "ALTER TABLE support_look ADD COLUMN of_support boolean GENERATED ALWAYS AS (true) STORED,"
            " ADD CONSTRAINT support_look_by_support FOREIGN KEY (helper_id, of_support)"
            " REFERENCES accounts_user (id, is_support) DEFERRABLE INITIALLY DEFERRED",
            "ALTER TABLE support_look DROP CONSTRAINT support_look_by_support, DROP COLUMN of_support",
        ),
    ]
