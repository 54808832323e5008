from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("outbox", "0003_heartbeat")]
    operations = [
        migrations.CreateModel(
            name="Pause", fields=[("provider_id", models.UUIDField(primary_key=True, serialize=False))]
        )
    ]
