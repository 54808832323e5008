from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_support_staff"),
    ]

    operations = [
        migrations.AddField(
            model_name="provider",
            name="erase_after_months",
            field=models.PositiveSmallIntegerField(
                default=24, verbose_name="months the account of who has left is kept"
            ),
        ),
        migrations.AddField(
            model_name="provider",
            name="checkpoint_addresses",
            field=models.TextField(blank=True, default=""),
            preserve_default=False,
        ),
    ]
