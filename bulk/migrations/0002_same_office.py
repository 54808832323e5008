from django.db import migrations

from loket.tenant_keys import same_office


class Migration(migrations.Migration):
    dependencies = [("bulk", "0001_initial")]
    operations = [same_office("bulk_upload", "user_id", "accounts_user")]
