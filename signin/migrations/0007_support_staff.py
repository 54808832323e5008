import django.db.models.deletion
from django.db import migrations, models

from loket.tenant_keys import support_alone


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_support_staff"),
        ("signin", "0006_duty_reminders"),
    ]

    operations = [
        migrations.AlterField(
            model_name="authenticatorapp",
            name="provider",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.provider"
            ),
        ),
        migrations.AlterField(
            model_name="opensession",
            name="provider",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.provider"
            ),
        ),
        migrations.AlterField(
            model_name="passkey",
            name="provider",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.provider"
            ),
        ),
        migrations.AlterField(
            model_name="passwordreset",
            name="provider",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.provider"
            ),
        ),
        migrations.AlterField(
            model_name="recoverycode",
            name="provider",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.provider"
            ),
        ),
        support_alone("signin_authenticatorapp"),
        support_alone("signin_opensession"),
        support_alone("signin_passkey"),
        support_alone("signin_passwordreset"),
        support_alone("signin_recoverycode"),
    ]
