from django.db import migrations

from loket.tenant_keys import same_office


class Migration(migrations.Migration):
    dependencies = [("webservice", "0001_initial"), ("accounts", "0002_same_office")]
    operations = [
        same_office("webservice_grant", "user_id", "accounts_user"),
        same_office("webservice_accesstoken", "user_id", "accounts_user"),
        same_office("webservice_refreshtoken", "user_id", "accounts_user"),
        same_office("webservice_idtoken", "user_id", "accounts_user"),
        same_office("webservice_consent", "user_id", "accounts_user"),
        same_office("webservice_ticket", "user_id", "accounts_user"),
    ]
