import loket.ids
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("outbox", "0002_names")]
    operations = [
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                (
                    "id",
                    models.UUIDField(default=loket.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name="message",
            name="correlation_id",
            field=models.CharField(db_default="", default="", max_length=36),
        ),
    ]
