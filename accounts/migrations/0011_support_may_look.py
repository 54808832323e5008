from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0010_closed_offices")]
    operations = [
        migrations.AddField(
            model_name="provider",
            name="support_may_look",
            field=models.BooleanField(default=True, verbose_name="Support of Loket may look along"),
        )
    ]
