from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0009_history_of_the_office")]
    operations = [
        migrations.AddField(
            model_name="provider", name="closed_at", field=models.DateTimeField(editable=False, null=True)
        )
    ]
