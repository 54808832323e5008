from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('signin', '0007_support_staff'),
    ]

    operations = [
        migrations.AlterField(
            model_name='opensession',
            name='how',
            field=models.CharField(choices=[('password', 'Password'), ('app', 'Password and code from the app'), ('recovery_code', 'Password and recovery code'), ('passkey', 'Passkey'), ('microsoft', 'Microsoft'), ('sso', 'SSO from a portal')], max_length=20),
        ),
    ]
