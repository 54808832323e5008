from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("outbox", "0006_urgency")]
    operations = [
        AddIndexConcurrently(
            model_name="message",
            index=models.Index(
                condition=models.Q(("state__in", ["queued", "deferred"])),
                fields=["channel", "provider_id", "urgency", "due"],
                name="message_turn",
            ),
        ),
    ]
