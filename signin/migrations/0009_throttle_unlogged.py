from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("signin", "0008_sso_sessions")]

    operations = [
        # Every try at a door and every call of a program writes here and waits: not for the disk, nor for a replica.
        # What a crash of the database forgets is how often somebody tried.
        migrations.RunSQL(
            "-- safe: the table holds the tries of the last minutes and is written anew in milliseconds\n"
            "ALTER TABLE signin_throttle SET UNLOGGED",
            "ALTER TABLE signin_throttle SET LOGGED",
        ),
    ]
