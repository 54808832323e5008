from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("invitations", "0004_sender")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE invitations_invitation VALIDATE CONSTRAINT invitations_invitation_sent_by_id_same_office",
            migrations.RunSQL.noop,
        ),
        AddIndexConcurrently("invitation", models.Index(fields=["sent_by"], name="invitation_sent_by")),
    ]
