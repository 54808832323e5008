from datetime import UTC, datetime

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q, Value
from django.db.models.functions import Coalesce

from loket.tenant_keys import same_office


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0011_support_may_look"),
    ]

    operations = [
        migrations.CreateModel(
            name="HygieneMail",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="hygiene_mail",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "provider",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.provider",
                    ),
                ),
                ("days", models.PositiveSmallIntegerField()),
                ("password_days", models.PositiveSmallIntegerField()),
                ("due_on", models.DateField()),
            ],
            options={"indexes": [models.Index(fields=["due_on", "user"], name="hygiene_mail_due")]},
        ),
        same_office("accounts_hygienemail", "user_id", "accounts_user"),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                models.F("provider"),
                Coalesce("last_login", "accepted_at"),
                models.F("id"),
                condition=Q(accepted_at__isnull=False, blocked_at=None),
                name="user_by_last_seen",
            ),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                fields=["provider", "access_until", "id"],
                condition=Q(access_until__isnull=False, blocked_at=None),
                name="user_by_end",
            ),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                fields=["provider", "created_at", "id"],
                condition=Q(accepted_at=None, blocked_at=None),
                name="user_not_accepted",
            ),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                models.F("provider"),
                Coalesce(
                    "password_changed_at",
                    Value(datetime(1, 1, 1, tzinfo=UTC), output_field=models.DateTimeField()),
                ),
                models.F("id"),
                condition=Q(login_method="sso_webservice", blocked_at=None),
                name="user_by_password_age",
            ),
        ),
    ]
