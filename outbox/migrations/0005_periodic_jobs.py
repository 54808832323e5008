from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("outbox", "0004_pause")]
    operations = [
        migrations.CreateModel(
            name="JobState",
            fields=[
                ("name", models.CharField(max_length=200, primary_key=True, serialize=False)),
                ("every", models.FloatField()),
                ("since", models.DateTimeField()),
                ("done_at", models.DateTimeField(null=True)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("failed", models.PositiveBigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="FailedItem",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("job", models.CharField(max_length=200)),
                ("item", models.CharField(max_length=100)),
                ("failures", models.PositiveIntegerField()),
                ("since", models.DateTimeField()),
                ("retry_at", models.DateTimeField()),
                ("error", models.CharField(max_length=100)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("job", "item"), name="failed_item_once")],
            },
        ),
    ]
