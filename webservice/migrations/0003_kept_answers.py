import django.db.models.deletion
import loket.ids
from django.conf import settings
from django.db import migrations, models

from loket.tenant_keys import same_office


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0006_who_asked_for_an_address'),
        ('webservice', '0002_same_office'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='KeptAnswer',
            fields=[
                ('id', models.UUIDField(default=loket.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('key_hash', models.CharField(max_length=64, unique=True)),
                ('body_hash', models.CharField(max_length=64)),
                ('sealed_answer', models.BinaryField()),
                ('created_at', models.DateTimeField(auto_now_add=True, db_index=True)),
                ('provider', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.provider')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        same_office("webservice_keptanswer", "user_id", "accounts_user"),
    ]
