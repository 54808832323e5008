from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("webservice", "0003_kept_answers")]
    operations = [
        migrations.AlterModelOptions(
            name="application", options={"verbose_name": "integration", "verbose_name_plural": "integrations"}
        )
    ]
