"""The personal data export: everything that is stored about a user, and nothing about others."""

import json
import re
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import models
from django.test import Client
from django.utils import translation

import teams.actions
import users.actions
import users.email_changes
from accounts.models import User
from audit.actions import record
from audit.actors import Actor, EventOrigin, build_operator
from audit.models import Event, Verb
from core.access import ReauthenticationLevel
from history import subject_access
from permissions.checks import Right
from tests.helpers.invited_users import Invited, invite
from tests.helpers.mfa import give_app
from tests.helpers.users import actor, make_user

pytestmark = pytest.mark.django_db
# Each column that refers to users, and the exported columns of its table. Review each new one and add it here.
SHOWN = {
    "accounts.AccountReviewSubscription.user": "days password_days due_on",
    "accounts.EmailChange.user": "email expires_at asked_by",
    "admin.LogEntry.user": "id action_time content_type object_id object_repr action_flag change_message",
    "imports.ImportJob.user": (
        "id kind state name invite undoes address proof language correlation_id created_at asked_at done_at expires_at"
    ),
    "django_otp_webauthn.WebAuthnCredential.user": (
        "id name confirmed created_at last_used_at credential_type transports backup_eligible backup_state aaguid"
        " discoverable"
    ),
    "django_otp_webauthn.WebAuthnUserHandle.user": "",
    "invitations.Invitation.user": (
        "id state email subject body sent_by sent_by_operator refused_at sent_at expires_at opened_at"
    ),
    "notifications.Notification.user": "id event employer undelivered shown_at by_mail mailed_on read_at",
    "notifications.NotificationSetApplication.user": "id notification_set applied_at",
    "notifications.NotificationSetting.user": "id notification_set type is_on days mail",
    "oauth2_provider.DeviceGrant.user": "id scope interval expires status client_id last_checked",
    "authentication.AuthenticatorApp.user": "name confirmed created_at last_used_at id",
    "authentication.MfaReminder.user": "id due stage",
    "authentication.UserSession.user": "id method address browser system created_at last_used_at",
    "authentication.Passkey.user": (
        "name confirmed created_at last_used_at credential_type transports backup_eligible backup_state aaguid"
        " discoverable id"
    ),
    "authentication.PasswordResetToken.user": "id expires_at",
    "authentication.RecoveryCodes.user": "name confirmed created_at last_used_at id",
    "scim.DirectoryUser.user": (
        "id connection external_id user_name attributes blocked_at ended_at is_out is_held pending"
        " refusal created_at changed_at"
    ),
    "support.Impersonation.user": "id supporter reason started_at ended_at",
    "permissions.DutyExemption.user": (
        "id rule employer reason until requested_by requested_at approved_by approved_at ended_at"
    ),
    "permissions.IndividualRight.user": "id right",
    "permissions.SetApplication.user": "id authorization_set team applied_at",
    "permissions.TeamMember.user": "id team managed_by",
    "reviews.CampaignReviewer.user": "id campaign team",
    "reviews.ReviewedUser.user": "id campaign person_id login_method",
    "users.UserListPreference.user": "columns views has_shortcuts",
    "oauth.AccessToken.user": "expires scope resource created updated id authenticated_at with_factor application",
    "oauth.ClientSession.user": "id application used_at",
    "oauth.Consent.user": "id application scopes created_at last_used_at",
    "oauth.AuthorizationCode.user": (
        "application expires redirect_uri scope created updated resource id authenticated_at with_factor"
    ),
    "oauth.IDToken.user": "expires scope created updated id application",
    "oauth.IdempotentResponse.user": "id created_at",
    "oauth.RefreshToken.user": "application resource created updated revoked id authenticated_at with_factor",
    "oauth.SsoTicket.user": "id application next expires_at",
}
ACCOUNT = (
    "last_login id login_method username initials first_name prefix last_name email phone_number place_of_employment"
    " has_access_to_test_years access_until two_factor_required external_tenant external_tid external_user_id"
    " accepted_at blocked_at password_changed_at second_factor_at created_at"
)


@pytest.fixture
def piet(alice: User) -> Invited:
    """A user with personal data of every kind."""
    invited = invite(alice, phone_number="0384567890")
    team = teams.actions.create_team(alice.provider, name="Loon Noord", by=actor(alice))
    teams.actions.change_members(team, add=[invited.invitation.user], by=actor(alice))
    return invited


def test_no_table_is_forgotten() -> None:
    every = {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey | models.OneToOneField) and field.related_model is User
    }
    walked = {
        f"{model._meta.label}.{field.name}": " ".join(one.name for one in subject_access.get_exported_fields(model))
        for model, field in subject_access.iter_user_references()
    }
    assert set(walked) | subject_access.EXCLUDED_REFERENCES == every
    assert walked == SHOWN
    assert " ".join(field.name for field in subject_access.get_exported_fields(User)) == ACCOUNT


def test_export_holds_all_stored_data(alice_client: Client, alice: User, piet: Invited) -> None:
    user = piet.invitation.user
    by = Actor(EventOrigin.PAGE, alice.full_name, alice, address="192.0.2.1", proof=ReauthenticationLevel.FIVE_MINUTES)
    record(Verb.USER_CHANGED, user, by=by, provider_id=user.provider_id, changes={"prefix": ["", "de"]}, reason="Trouw")
    response = alice_client.get(f"/gebruikers/{user.pk}/alles.json")
    found = json.loads(response.content)
    assert response["Content-Disposition"] == f'attachment; filename="{user.pk}.json"'
    assert found["account"]["email"] == "p.deboer@devries.example"
    assert found["account"]["phone_number"] == "0384567890"
    assert [row["team"] for row in found["tables"]["permissions.TeamMember"]] == ["Loon Noord"]
    assert found["tables"]["invitations.Invitation"][0]["email"] == "p.deboer@devries.example"
    assert [message["kind"] for message in found["messages"]] == ["invitation"]
    assert found["events"][-2]["changes"] == [{"label": "Voorvoegsel", "old": "", "new": "de"}]
    assert found["events"][-2]["reason"] == "Trouw"
    assert "exporteerde alles wat over P. de Boer is opgeslagen" in found["events"][-1]["sentence"]
    page = alice_client.get(f"/gebruikers/{user.pk}/alles.html").text
    for part in ("p.deboer@devries.example", "0384567890", "Loon Noord", "Voorvoegsel: – → de", "“Trouw”"):
        assert part in page


@pytest.mark.slow
def test_export_holds_no_secrets(alice_client: Client, piet: Invited, bob: User) -> None:
    piet.prove()
    secret = give_app(bob)
    for user in (piet.invitation.user, bob):
        text = (
            alice_client.get(f"/gebruikers/{user.pk}/alles.json").text
            + alice_client.get(f"/gebruikers/{user.pk}/alles.html").text
        )
        user.refresh_from_db()
        for one in (user.password, piet.token, piet.invitation.token_hash, piet.last_code(), "+31612345678", "argon2"):
            assert one not in text
        assert secret.hex() not in text


def test_others_are_no_more_than_names(alice_client: Client, alice: User, bob: User) -> None:
    eva = make_user(alice.provider, Right.MANAGE_USERS, username="eva", initials="E.", email="eva@devries.example")
    by = Actor(EventOrigin.PAGE, eva.full_name, eva, address="192.0.2.77", proof=ReauthenticationLevel.FIVE_MINUTES)
    users.email_changes.request_email_change(bob, "nieuw@bakker.example", by=by)
    users.actions.edit_user(bob, details={"phone_number": "0381111111"}, email=bob.email, version=bob.version, by=by)
    about_eva = alice_client.get(f"/gebruikers/{eva.pk}/alles.json").text
    assert "B. Bakker" in about_eva
    assert "192.0.2.77" in about_eva
    for private in ("nieuw@bakker.example", "bob@devries.example", "0381111111"):
        assert private not in about_eva
    about_bob = alice_client.get(f"/gebruikers/{bob.pk}/alles.json").text
    assert "0381111111" in about_bob
    assert "192.0.2.77" not in about_bob


def test_export_is_recorded(alice_client: Client, bob: User, alice: User) -> None:
    alice_client.get(f"/gebruikers/{bob.pk}/alles.json")
    event = Event.objects.get(verb=Verb.PERSON_EXPORTED)
    assert (event.actor_id, event.target_id) == (alice.pk, bob.pk)
    for form in ("json", "html"):
        assert alice_client.post(f"/gebruikers/{bob.pk}/alles.{form}").status_code == 405
        assert Event.objects.filter(verb=Verb.PERSON_EXPORTED).count() == 1
    assert alice_client.head(f"/gebruikers/{bob.pk}/alles.json").status_code == 200
    assert Event.objects.filter(verb=Verb.PERSON_EXPORTED).count() == 2, "like GET, as all exports"


@pytest.mark.parametrize("form", ["json", "html"])
def test_only_an_administrator_with_authority(
    alice_client: Client, bob_client: Client, charlie_client: Client, alice: User, bob: User, form: str
) -> None:
    assert charlie_client.get(f"/gebruikers/{bob.pk}/alles.{form}").status_code == 404
    assert bob_client.get(f"/gebruikers/{alice.pk}/alles.{form}").status_code == 403
    assert alice_client.get(f"/gebruikers/{alice.pk}/alles.{form}").status_code == 403
    assert not Event.objects.filter(verb=Verb.PERSON_EXPORTED).exists()


def test_the_button_is_there_for_whom_may(alice_client: Client, alice: User, bob: User) -> None:
    link = f"/gebruikers/{bob.pk}/alles.json"
    assert link in alice_client.get(f"/gebruikers/{bob.pk}/historie/").text
    viewer = Client()
    viewer.force_login(make_user(alice.provider, Right.VIEW_AUDIT, Right.VIEW_USERS, username="kijker"))
    assert link not in viewer.get(f"/gebruikers/{bob.pk}/historie/").text
    assert "alles.json" not in alice_client.get(f"/gebruikers/{alice.pk}/historie/").text


def test_the_command_writes_a_file_for_its_owner_alone(bob: User, tmp_path: Path) -> None:
    for name, part in (("bob.json", '"email": "bob@devries.example"'), ("bob.html", "bob@devries.example")):
        path = tmp_path / name
        call_command("export_person", str(bob.pk), str(path))
        assert part in path.read_text()
        assert path.stat().st_mode & 0o777 == 0o600
        with pytest.raises(CommandError, match="does not exist yet"):
            call_command("export_person", str(bob.pk), str(path))
    with pytest.raises(CommandError, match="There is no user with ID"):
        call_command("export_person", "00000000-0000-0000-0000-000000000000", str(tmp_path / "x.json"))


def test_the_page_says_which_words_are_english(alice: User) -> None:
    """Names from the code have no translation; a screen reader would read them as Dutch in a Dutch page."""
    found = subject_access.export_personal_data(alice, by=build_operator("export_person"))
    found["tables"] = {"authentication.UserSession": [{"how": "password", "address": "127.0.0.1", "is_on": True}]}
    with translation.override("nl"):
        page = subject_access.render_html(found, alice)
    assert '<h2 lang="en">UserSession</h2>' in page
    assert re.search(r'<dt lang="en">how</dt>\s*<dd lang="en">password</dd>', page)
    assert re.search(r"<dt>Gebruikersnaam</dt>\s*<dd>alice</dd>", page)
    assert re.search(r'<dt lang="en">is_on</dt>\s*<dd>ja</dd>', page)
