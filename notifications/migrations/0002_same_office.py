from django.db import migrations

from loket.tenant_keys import same_office


class Migration(migrations.Migration):
    dependencies = [("notifications", "0001_initial")]
    operations = [
        same_office("notifications_signalsetting", "user_id", "accounts_user"),
        same_office("notifications_signalsetting", "signal_set_id", "notifications_signalset"),
        same_office("notifications_signalsetapplication", "signal_set_id", "notifications_signalset"),
        same_office("notifications_signalsetapplication", "user_id", "accounts_user"),
        same_office("notifications_signal", "employer_id", "teams_employer"),
        same_office("notifications_notice", "signal_id", "notifications_signal"),
        same_office("notifications_notice", "user_id", "accounts_user"),
        same_office("notifications_notice", "employer_id", "teams_employer"),
    ]
