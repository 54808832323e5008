import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import loket.ids
from loket.tenant_keys import same_office


class Migration(migrations.Migration):
    dependencies = [("signin", "0002_same_office"), ("accounts", "0005_second_factor")]
    operations = [
        migrations.CreateModel(
            name="AuthenticatorApp",
            fields=[
                ("id", models.UUIDField(default=loket.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=50)),
                ("sealed_secret", models.BinaryField()),
                ("last_step", models.BigIntegerField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("last_used_at", models.DateTimeField(null=True)),
                (
                    "provider",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.provider"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="authenticator_apps",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RecoveryCode",
            fields=[
                ("id", models.UUIDField(default=loket.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("code_hash", models.CharField(max_length=64)),
                ("used_at", models.DateTimeField(null=True)),
                (
                    "provider",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.provider"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="recovery_codes",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        same_office("signin_authenticatorapp", "user_id", "accounts_user"),
        same_office("signin_recoverycode", "user_id", "accounts_user"),
    ]
