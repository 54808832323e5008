from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("outbox", "0005_periodic_jobs")]
    operations = [
        migrations.AddField(
            model_name="message",
            name="urgency",
            field=models.PositiveSmallIntegerField(
                choices=[(0, "urgent"), (1, "usual"), (2, "later")], db_default=1, default=1
            ),
        ),
    ]
