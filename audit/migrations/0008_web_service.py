from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0007_ended_sessions'),
    ]

    operations = [
        migrations.AlterField(
            model_name='event',
            name='verb',
            field=models.CharField(choices=[('provider_created', 'created the office'), ('provider_changed', 'changed the office'), ('tenant_added', 'added the Azure AD tenant'), ('tenant_renamed', 'renamed the Azure AD tenant'), ('tenant_proved', 'confirmed the Azure AD tenant'), ('tenant_removed', 'removed the Azure AD tenant'), ('text_changed', 'changed an e-mail text'), ('user_created', 'created'), ('user_changed', 'changed'), ('user_blocked', 'blocked'), ('user_unblocked', 'unblocked'), ('kind_changed', 'changed the login method'), ('username_sent', 'sent the username'), ('email_change_asked', 'asked to change the e-mail address'), ('email_changed', 'changed the e-mail address'), ('invitation_sent', 'sent the invitation'), ('invitation_opened', 'opened the invitation'), ('invitation_locked', 'locked the invitation after wrong codes'), ('invitation_accepted', 'accepted the invitation'), ('invitation_revoked', 'revoked the invitation'), ('invitation_expired', 'let the invitation expire'), ('code_sent', 'had a code sent'), ('phone_proved', 'typed the right code'), ('code_refused', 'typed a wrong code'), ('rights_changed', 'changed the rights'), ('teams_changed', 'changed the teams'), ('team_created', 'created the team'), ('team_changed', 'changed the team'), ('team_deleted', 'deleted the team'), ('employer_created', 'created the employer'), ('employer_changed', 'changed the employer'), ('set_created', 'created the authorization set'), ('set_changed', 'changed the authorization set'), ('set_deleted', 'deleted the authorization set'), ('set_applied', 'applied an authorization set'), ('exported', 'exported'), ('signed_in', 'signed in'), ('signed_out', 'signed out'), ('sign_in_refused', 'was refused at signing in'), ('password_changed', 'changed the password'), ('password_link_sent', 'had a link sent for a new password'), ('factor_added', 'added a device for two-factor'), ('factor_renamed', 'renamed a device for two-factor'), ('factor_removed', 'removed a device for two-factor'), ('factors_reset', 'reset two-factor'), ('recovery_codes_made', 'made recovery codes'), ('recovery_code_used', 'used a recovery code'), ('session_ended', 'ended a session'), ('sessions_ended', 'ended all sessions'), ('client_added', 'added the integration'), ('client_changed', 'changed the integration'), ('client_secret_made', 'made a new secret for the integration'), ('client_switched_off', 'switched the integration off'), ('client_switched_on', 'switched the integration on'), ('client_removed', 'removed the integration'), ('consent_given', 'allowed an integration'), ('consent_ended', 'ended an integration'), ('ticket_made', 'had an SSO ticket made')], max_length=30),
        ),
    ]
