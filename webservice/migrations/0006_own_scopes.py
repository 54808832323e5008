from django.db import migrations


class Migration(migrations.Migration):
    """Webservice users keep reading and changing their own profile, for which scopes are asked now."""

    dependencies = [("webservice", "0005_sign_in_of_tokens")]
    operations = [
        migrations.RunSQL(
            """
            -- safe: one row
            UPDATE webservice_application SET scopes = '{profile,email,profile:write,account:read}' || scopes
            WHERE client_id = 'webservice' AND NOT 'profile' = ANY(scopes)
            """,
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            """
            -- safe: the tokens of one hour, of machines only
            UPDATE webservice_accesstoken SET scope = 'profile email profile:write account:read ' || scope
            WHERE expires > now() AND scope = 'users:read users:write teams:read teams:write audit:read sso'
                AND application_id = (SELECT id FROM webservice_application WHERE client_id = 'webservice')
            """,
            migrations.RunSQL.noop,
        ),
    ]
