from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("outbox", "0007_turns")]
    operations = [
        migrations.SeparateDatabaseAndState(  # choices are no part of the table
            state_operations=[
                migrations.AlterField(
                    "message",
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "queued"),
                            ("deferred", "trying again"),
                            ("sent", "sent"),
                            ("failed", "failed"),
                            ("no_answer", "no answer"),
                            ("bounced", "bounced"),
                            ("cancelled", "cancelled"),
                            ("expired", "expired"),
                        ],
                        default="queued",
                        max_length=9,
                    ),
                )
            ]
        ),
    ]
