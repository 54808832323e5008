import django.db.models.deletion
import loket.ids
from loket.tenant_keys import same_office
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0005_second_factor'),
        ('signin', '0003_second_factors'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Passkey',
            fields=[
                ('name', models.CharField(help_text='The human-readable name of this device.', max_length=64)),
                ('confirmed', models.BooleanField(default=True, help_text='Is this device ready for use?')),
                ('created_at', models.DateTimeField(auto_now_add=True, help_text='The date and time when this device was initially created in the system.', null=True)),
                ('last_used_at', models.DateTimeField(blank=True, help_text='The most recent date and time this device was used.', null=True)),
                ('credential_type', models.CharField(choices=[('public-key', 'Public Key')], default='public-key', editable=False, max_length=32, verbose_name='credential type')),
                ('credential_id', models.BinaryField(max_length=1023, verbose_name='credential id data')),
                ('public_key', models.BinaryField(max_length=1023, verbose_name='COSE public key data')),
                ('transports', models.JSONField(default=list, editable=False, verbose_name='transports')),
                ('sign_count', models.PositiveIntegerField(default=0, editable=False, verbose_name='sign count')),
                ('backup_eligible', models.BooleanField(default=False, editable=False, verbose_name='backup eligible')),
                ('backup_state', models.BooleanField(default=False, editable=False, verbose_name='backup state')),
                ('aaguid', models.CharField(editable=False, max_length=36, verbose_name='AAGUID')),
                ('credential_id_sha256', models.CharField(editable=False, max_length=64, unique=True, verbose_name='hashed credential id')),
                ('discoverable', models.BooleanField(default=None, editable=False, null=True, verbose_name='discoverable')),
                ('id', models.UUIDField(default=loket.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('provider', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.provider')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'Passkey',
            },
        ),
        same_office("signin_passkey", "user_id", "accounts_user"),
    ]
