from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_proved_tenants")]
    operations = [
        migrations.AddField(
            model_name="user",
            name="second_factor_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
