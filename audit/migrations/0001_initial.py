import audit.models
import loket.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.UUIDField(default=loket.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('provider_id', models.UUIDField(null=True)),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('actor_id', models.UUIDField(null=True)),
                ('actor_name', models.CharField(max_length=200)),
                ('on_behalf_of_id', models.UUIDField(null=True)),
                ('on_behalf_of_name', models.CharField(default='', max_length=200)),
                ('address', models.GenericIPAddressField(null=True)),
                ('origin', models.CharField(choices=[('page', 'page'), ('api', 'web service'), ('scim', 'directory'), ('command', 'command'), ('support', 'support'), ('scheduled', 'automatic')], max_length=10)),
                ('verb', models.CharField(choices=audit.models.verbs, max_length=30)),
                ('target_kind', models.CharField(max_length=30)),
                ('target_id', models.UUIDField(null=True)),
                ('target_name', models.CharField(max_length=200)),
                ('changes', models.JSONField(default=dict)),
                ('reason', models.CharField(default='', max_length=500)),
                ('correlation_id', models.CharField(default='', max_length=36)),
            ],
            options={
                'indexes': [models.Index(fields=['provider_id', '-id'], name='audit_event_provider'), models.Index(fields=['provider_id', 'target_id', '-id'], name='audit_event_target')],
            },
        ),
    ]
