from django.db import migrations

from loket.tenant_keys import same_office


class Migration(migrations.Migration):
    dependencies = [("signin", "0001_initial"), ("accounts", "0002_same_office")]
    operations = [
        same_office("signin_passwordreset", "user_id", "accounts_user"),
    ]
