import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

_SENDER_OF_OFFICE = """
ALTER TABLE invitations_invitation ADD CONSTRAINT invitations_invitation_sent_by_id_same_office
FOREIGN KEY (sent_by_id, provider_id) REFERENCES accounts_user (id, provider_id) DEFERRABLE INITIALLY DEFERRED NOT VALID
"""


class Migration(migrations.Migration):
    dependencies = [("invitations", "0003_names"), ("accounts", "0012_hygiene")]
    operations = [
        migrations.AddField("invitation", "refused_at", models.DateTimeField(null=True)),
        migrations.AddField("invitation", "sent_by_operator", models.BooleanField(null=True)),
        migrations.AddField(
            "invitation",
            "sent_by",
            models.ForeignKey(
                settings.AUTH_USER_MODEL,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
            ),
        ),
        migrations.RunSQL(
            _SENDER_OF_OFFICE,
            "ALTER TABLE invitations_invitation DROP CONSTRAINT invitations_invitation_sent_by_id_same_office",
        ),
    ]
