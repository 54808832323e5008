from django.db import migrations

from loket.tenant_keys import same_office


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [
        same_office("accounts_user", "external_tenant_id", "accounts_externaltenant"),
        same_office("accounts_emailchange", "user_id", "accounts_user"),
    ]
