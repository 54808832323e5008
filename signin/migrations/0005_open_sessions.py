import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import loket.ids
from loket.tenant_keys import same_office


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_who_asked_for_an_address"),
        ("sessions", "0001_initial"),
        ("signin", "0004_passkeys"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="OpenSession",
            fields=[
                ("id", models.UUIDField(default=loket.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("session_version", models.PositiveIntegerField()),
                (
                    "how",
                    models.CharField(
                        choices=[
                            ("password", "Password"),
                            ("app", "Password and code from the app"),
                            ("recovery_code", "Password and recovery code"),
                            ("passkey", "Passkey"),
                            ("microsoft", "Microsoft"),
                        ],
                        max_length=20,
                    ),
                ),
                ("address", models.GenericIPAddressField(null=True)),
                ("browser", models.CharField(max_length=20)),
                ("system", models.CharField(max_length=20)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("last_used_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "provider",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.provider"
                    ),
                ),
                (
                    "session",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="opened", to="sessions.session"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="open_sessions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        same_office("signin_opensession", "user_id", "accounts_user"),
    ]
