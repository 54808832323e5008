from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("invitations", "0002_same_office")]
    operations = [
        migrations.AlterModelOptions(
            name="invitation", options={"verbose_name": "invitation", "verbose_name_plural": "invitations"}
        )
    ]
