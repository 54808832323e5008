from django.db import migrations

from loket.tenant_keys import same_office


class Migration(migrations.Migration):
    dependencies = [("teams", "0001_initial"), ("accounts", "0002_same_office")]
    operations = [
        same_office("teams_individualright", "user_id", "accounts_user"),
    ]
