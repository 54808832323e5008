import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import loket.ids
from loket.tenant_keys import same_office


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0007_two_factor_policies"),
        ("signin", "0005_open_sessions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="DutyReminder",
            fields=[
                ("id", models.UUIDField(default=loket.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("due", models.DateField(db_index=True)),
                ("stage", models.PositiveSmallIntegerField()),
                (
                    "provider",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.provider"
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
                "constraints": [
                    models.UniqueConstraint(fields=("user", "due", "stage"), name="duty_reminder_once")
                ],
            },
        ),
        same_office("signin_dutyreminder", "user_id", "accounts_user"),
    ]
