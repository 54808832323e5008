from django.db import migrations

from loket.tenant_keys import same_office


class Migration(migrations.Migration):
    dependencies = [("teams", "0003_teams")]
    operations = [
        same_office("teams_teammember", "team_id", "teams_team"),
        same_office("teams_teammember", "user_id", "accounts_user"),
        same_office("teams_teamemployer", "team_id", "teams_team"),
        same_office("teams_teamemployer", "employer_id", "teams_employer"),
        same_office("teams_teamright", "team_id", "teams_team"),
        same_office("teams_setapplication", "authorization_set_id", "teams_authorizationset"),
        same_office("teams_setapplication", "team_id", "teams_team"),
        same_office("teams_setapplication", "user_id", "accounts_user"),
    ]
