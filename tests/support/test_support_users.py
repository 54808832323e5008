"""Support accounts: they have no office, are created and ended by the operator, and require two-factor."""

import re
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

import support.actions
from accounts.models import Provider, User
from audit.models import Event
from authentication.models import AuthenticatorApp, Passkey, PasswordResetToken, RecoveryCodes, UserSession
from authentication.session_store import hash_session_key
from outbox.models import Message
from permissions.models import IndividualRight
from tests.helpers import mfa as factors
from tests.helpers.login_methods import make_service
from tests.helpers.users import PASSWORD, actor, letter, make_support, make_user
from users.forms.users import EditUserForm, ProfileForm

pytestmark = pytest.mark.django_db
NAME = "D. van den Dekker"


def run(sql: str, *values: object) -> None:
    """Run plain SQL and check deferred constraints immediately."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def update(user: User, **columns: object) -> None:
    assignments = ", ".join(f"{name} = %s" for name in columns)
    run(f"UPDATE accounts_user SET {assignments} WHERE id = %s", *columns.values(), user.pk)


@pytest.mark.parametrize("is_support", [True, False])
@pytest.mark.parametrize("has_office", [True, False])
@pytest.mark.parametrize("kind", ["website_sso", "sso_webservice", "azure_ad"])
def test_who_has_no_office_is_of_support_and_the_other_way_round(
    is_support: bool, has_office: bool, kind: str, office: Provider, bob: User
) -> None:
    allowed = (is_support and not has_office and kind == "website_sso") or (
        not is_support and has_office and kind != "azure_ad"  # bob has no tenant
    )
    columns = {"is_support": is_support, "provider_id": office.pk if has_office else None, "login_method": kind}
    if allowed:
        update(bob, **columns)
    else:
        with pytest.raises(IntegrityError):
            update(bob, **columns)


def copy(row: Any, **columns: object) -> None:
    """Insert a copy of a row with other values in some columns."""
    table = row._meta.db_table
    names = [field.column for field in row._meta.concrete_fields if not field.generated]
    values = {name: f'"{name}"' for name in names} | dict.fromkeys(columns, "%s")
    run(
        f"INSERT INTO {table} ({', '.join(values)}) SELECT {', '.join(values.values())} FROM {table} WHERE id = %s",
        *[columns[name] for name in values if name in columns],
        row.pk,
    )


def one_of_each(user: User) -> list[Any]:
    """Create a row about `user` in each table that support needs as well."""
    client = Client()
    client.force_login(user)
    client.get("/uitloggen/")
    session = hash_session_key(client.session.session_key)
    common = {"provider": user.provider, "user": user}
    return [
        AuthenticatorApp.objects.create(**common, name="a", encrypted_secret=b"x", last_step=0),
        RecoveryCodes.objects.create(**common, code_hashes=["x"]),
        PasswordResetToken.objects.create(**common, token_hash=uuid4().hex, expires_at=timezone.now()),
        UserSession.objects.create(**common, session_id=session, session_version=1, method="password"),
        Passkey.objects.create(**common, name="p", credential_id=uuid4().bytes, public_key=b"x"),
    ]


def fresh(row: Any) -> dict[str, object]:
    """Return values that must be unique in a copy."""
    unique: dict[type[Any], dict[str, object]] = {
        PasswordResetToken: {"token_hash": uuid4().hex},
        Passkey: {"credential_id": uuid4().bytes, "credential_id_sha256": uuid4().bytes},
    }
    return {"id": uuid4(), **unique.get(type(row), {})}


def test_rows_without_an_office_belong_to_support_users(office: Provider, bob: User, charlie: User) -> None:
    dora, egbert = make_support(), make_support("egbert")
    for row in one_of_each(bob):
        if isinstance(row, UserSession):
            continue  # has a session of its own, see below
        copy(row, **fresh(row))
        for wrong in (
            {"provider_id": None},
            {"user_id": dora.pk},
            {"provider_id": charlie.provider_id},
            {"user_id": charlie.pk},
            {"user_id": uuid4(), "provider_id": None},
        ):
            with pytest.raises(IntegrityError):
                copy(row, **(fresh(row) | wrong))
    for row in one_of_each(dora):
        if isinstance(row, UserSession):
            continue
        copy(row, **(fresh(row) | {"user_id": egbert.pk}))
        for wrong in ({"user_id": bob.pk}, {"provider_id": office.pk}, {"user_id": bob.pk, "provider_id": None}):
            with pytest.raises(IntegrityError):
                copy(row, **(fresh(row) | wrong))


def test_an_open_session_without_office_is_of_support_too(office: Provider, bob: User) -> None:
    dora = make_support()
    for user, wrong in ((bob, {"provider_id": None}), (dora, {"provider_id": office.pk}), (bob, {"user_id": dora.pk})):
        row = next(row for row in one_of_each(user) if isinstance(row, UserSession))
        assignments = ", ".join(f"{name} = %s" for name in wrong)
        with pytest.raises(IntegrityError):
            run(f"UPDATE authentication_usersession SET {assignments} WHERE id = %s", *wrong.values(), row.pk)
        AuthenticatorApp.objects.all().delete()
        Passkey.objects.all().delete()


def test_a_user_with_a_device_cannot_become_support_or_stop_being_it(office: Provider, bob: User) -> None:
    factors.give_app(bob)
    dora = make_support()
    factors.give_app(dora)
    with pytest.raises(IntegrityError):
        update(bob, is_support=True, provider_id=None)
    with pytest.raises(IntegrityError):
        update(dora, is_support=False, provider_id=office.pk)


def test_support_holds_no_right_and_no_membership(office: Provider) -> None:
    dora = make_support()
    with pytest.raises(IntegrityError):
        IndividualRight.objects.create(provider=None, user=dora, right="manage_provider")


@pytest.mark.django_db(transaction=True)
def test_a_right_of_an_office_is_not_for_support(office: Provider) -> None:
    dora = make_support()
    with pytest.raises(IntegrityError):
        IndividualRight.objects.create(provider=office, user=dora, right="manage_provider")


def create(
    username: str = "dora", *extra: str, name: str = "D. van den Dekker", email: str = "dora@loket.example"
) -> str:
    out = StringIO()
    call_command("create_support", username, f"--name={name}", f"--email={email}", *extra, stdout=out)
    return out.getvalue()


def link_in(message: Message) -> str:
    found = re.search(r"https?://[^/]+(/wachtwoord-vergeten/[\w-]+/)", letter(message))
    assert found
    return found[1]


def test_a_new_support_user_chooses_a_password_and_sets_up_two_factor() -> None:
    said = create()
    assert said == "A link to choose a password is sent to D. van den Dekker at dora@loket.example.\n"
    user = User.objects.get(username="dora")
    assert (user.is_support, user.provider_id, user.initials, user.prefix, user.last_name) == (
        True, None, "D.", "van den", "Dekker"
    )  # fmt: skip
    text = letter(Message.objects.get(kind="password_link"))
    assert text.rstrip().endswith("Loket")
    assert "None" not in text
    client = Client()
    client.get(link_in(Message.objects.get(kind="password_link")))
    page = client.get("/wachtwoord-vergeten/nieuw/")
    reset = str(page.context["form"]["reset"].value())
    chosen = {"password": PASSWORD, "password_again": PASSWORD, "reset": reset}
    assert client.post("/wachtwoord-vergeten/nieuw/", chosen)["Location"] == "/inloggen/"
    signed = client.post("/inloggen/?next=/admin/", {"username": "dora", "password": PASSWORD})
    assert signed["Location"] == "/admin/"
    assert client.get("/admin/")["Location"] == "/profiel/twee-factor/?next=%2Fadmin%2F"
    page = client.get("/profiel/twee-factor/app/?next=/admin/")
    form = page.context["form"]
    code = factors.code_now(form.enrollment.secret)
    sent = {"offer": form["offer"].value(), "name": "Telefoon", "code": code, "next": "/admin/"}
    gone = client.post("/profiel/twee-factor/app/", sent)
    assert gone["Location"] == "/profiel/twee-factor/herstelcodes/?next=%2Fadmin%2F"
    shown = client.post(gone["Location"])
    assert shown.status_code == 200
    kept = client.post("/profiel/twee-factor/herstelcodes/opslaan/", {"codes": shown.context["encrypted_codes"]})
    assert kept.content.startswith(b"Herstelcodes voor support van Loket, gebruikersnaam dora")
    assert client.get("/admin/").status_code == 200
    assert client.get("/profiel/sessies/").context["rows"][0].provider_id is None
    assert set(Event.objects.values_list("provider_id", flat=True)) == {None}
    for message in Message.objects.all():
        text = letter(message)
        assert "None" not in text
        assert "kantoor" not in text
        assert "Loket van Loket" not in text
        assert "voor support van Loket" in text


def test_a_second_time_sends_the_link_again_until_it_was_used() -> None:
    create()
    assert "Another link" in create()
    assert User.objects.count() == 1
    assert Message.objects.filter(kind="password_link").count() == 2
    User.objects.update(password_changed_at=timezone.now())
    assert create() == "D. van den Dekker already has this account.\n"
    assert Message.objects.count() == 2


def test_command_prints_and_records_nothing_secret() -> None:
    said = create()
    token = link_in(Message.objects.get(kind="password_link")).split("/")[2]
    user = User.objects.get()
    assert user.has_password
    assert user.password_changed_at is None
    for event in Event.objects.all():
        assert token not in repr(vars(event))
        assert user.password not in repr(vars(event))
    assert token not in said


@pytest.mark.parametrize(
    ("username", "options"),
    [
        ("do", {}),
        ("d\x00ra", {}),
        ("dora", {"name": "Dekker"}),
        ("dora", {"name": ""}),
        ("dora", {"email": "geen adres"}),
        ("dora", {"email": ""}),
        ("dora", {"name": "Langevoorletters Dekker"}),
        ("bob", {}),
        ("BOB", {}),
    ],
)
def test_invalid_input_and_usernames_of_office_users_are_refused(
    username: str, options: dict[str, str], bob: User
) -> None:
    with pytest.raises(CommandError):
        create(username, **options)
    assert not User.objects.filter(is_support=True).exists()
    assert not Message.objects.exists()


def test_the_operator_ends_an_account(dora: User, dora_client: Client) -> None:
    assert dora_client.get("/admin/").status_code == 200
    assert create("dora", "--end") == "The support account of D. Dekker has been closed.\n"
    assert create("dora", "--end") == "The support account of D. Dekker was already closed.\n"
    assert dora_client.get("/admin/")["Location"].startswith("/inloggen/")
    refused = Client().post("/inloggen/", {"username": "dora", "password": PASSWORD})
    assert refused.context["form"].has_error("__all__", "refused")
    assert Event.objects.filter(verb="user_blocked", target_id=dora.pk, provider_id=None).count() == 1
    with pytest.raises(CommandError, match="is closed"):
        create("dora")
    with pytest.raises(CommandError, match="no support account"):
        create("niemand", "--end")


def test_access_of_office_users_is_not_ended(bob: User) -> None:
    with pytest.raises(CommandError):
        create("bob", "--end")
    with pytest.raises(PermissionDenied):
        support.actions.close_support_user(bob, by=actor())
    bob.refresh_from_db()
    assert bob.blocked_at is None


def test_only_the_demo_asks_no_second_factor(settings: Settings) -> None:
    create("een")
    settings.LOKET_DEMO = True
    create("twee")
    assert User.objects.get(username="een").two_factor_required
    assert not User.objects.get(username="twee").two_factor_required


def test_support_cannot_drop_the_last_factor(dora: User, dora_client: Client) -> None:
    device = AuthenticatorApp.objects.get(user=dora)
    response = dora_client.post(f"/profiel/twee-factor/{device.pk}/verwijderen/")
    assert response.status_code == 200
    assert AuthenticatorApp.objects.filter(user=dora).exists()


def test_a_forgotten_password_of_support_is_mailed_like_any_other(dora: User) -> None:
    from authentication import actions

    actions.request_password_reset("DORA@loket.example", address="127.0.0.1")
    assert actions.process_reset_requests() == 1
    assert link_in(Message.objects.get(kind="password_link", user_id=dora.pk))


def test_no_form_turns_an_office_user_into_support(alice_client: Client, charlie_client: Client, charlie: User) -> None:
    extra = {"is_support": "on", "provider": "", "provider_id": "", "two_factor_required": ""}
    bob = make_user(charlie.provider, username="bobby")
    service = make_service(charlie.provider)
    for name, person in (("users:edit_user", bob), ("users:edit_user", service), ("users:profile", None)):
        url = reverse(name, args=[person.pk] if person else [])
        form = charlie_client.get(url).context["form"]
        values = {key: form[key].value() or "" for key in form.fields} | extra | {"last_name": "Anders"}
        assert charlie_client.post(url, values).status_code == 302
    charlie_client.post(
        "/gebruikers/nieuw/website/", {"initials": "X.", "last_name": "X", "email": "x@x.example", **extra}
    )
    assert User.objects.filter(last_name="Anders").count() == 3
    assert not User.objects.filter(is_support=True).exists()
    assert not User.objects.filter(provider=None).exists()
    for form_class in (EditUserForm, ProfileForm):
        assert not {"is_support", "provider"} & set(form_class.base_fields)
