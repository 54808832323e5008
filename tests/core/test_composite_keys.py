"""Foreign keys that include the office: which tables have them, and how Django's migrations see the constraint."""

from io import StringIO

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connection, models
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import AddConstraint, RemoveConstraint
from django.db.migrations.state import ProjectState
from django.db.migrations.writer import MigrationWriter
from django.utils import translation

from accounts.models import ExternalTenant, Provider, User
from core.composite_keys import CompositeForeignKey, SameOfficeForeignKey
from permissions.models import SetApplication, Team, TeamMember

# References that may leave the office: partner applications and support belong to no office.
OTHER = {
    *(
        f"oauth.{name}.application"
        for name in (
            "AccessToken",
            "AuthorizationCode",
            "ClientSession",
            "Consent",
            "IDToken",
            "OfficeAccess",
            "RefreshToken",
        )
    ),
    *("oauth.SsoTicket.application", "support.Impersonation.supporter", "support.Impersonation.session"),
}
# References that only actions keep within the office: these rows were issued together.
BY_ACTIONS = {
    "accounts.EmailChange.asked_by",
    "oauth.AccessToken.id_token",
    "oauth.AccessToken.source_refresh_token",
    "oauth.RefreshToken.access_token",
}
KEY = SameOfficeForeignKey("team", name="permissions_teammember_team_id_same_office")


def carries_office(model: type[models.Model]) -> bool:
    return any(field.name == "provider" and field.related_model is Provider for field in model._meta.concrete_fields)


def references_within_offices() -> set[str]:
    """Return every foreign key between two tables with an office."""
    return {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        if carries_office(model)
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey) and carries_office(field.related_model)
    }


def test_every_reference_carries_the_office() -> None:
    held = {
        f"{model._meta.label}.{key.fields[0]}"
        for model in apps.get_models()
        for key in model._meta.constraints
        if isinstance(key, SameOfficeForeignKey)
    }
    assert held | OTHER | BY_ACTIONS == references_within_offices()
    assert not held & (OTHER | BY_ACTIONS)


@pytest.mark.django_db
def test_every_key_is_in_the_database() -> None:
    for model in apps.get_models():
        with connection.cursor() as cursor:
            there = connection.introspection.get_constraints(cursor, model._meta.db_table)
        for key in model._meta.constraints:
            if isinstance(key, CompositeForeignKey):
                assert there[key.name]["columns"] == [model._meta.get_field(name).column for name in key.fields]
                assert there[key.name]["foreign_key"], key


def changes_without(model: str, name: str, *, before: bool) -> list[object]:
    """Return the `makemigrations` operations when a key is missing from the old or from the new state."""
    states = MigrationLoader(None).project_state(), ProjectState.from_apps(apps)
    options = states[0 if before else 1].models["permissions", model].options
    options["constraints"] = [one for one in options["constraints"] if one.name != name]
    with translation.override(None):  # as in every migration
        found = MigrationAutodetector(*states).changes(graph=MigrationLoader(None).graph)
    return [operation for some in found.values() for migration in some for operation in migration.operations]


def test_makemigrations_sees_it() -> None:
    (added,) = changes_without("teammember", KEY.name, before=True)
    assert isinstance(added, AddConstraint)
    assert added.constraint == KEY
    (removed,) = changes_without("teammember", KEY.name, before=False)
    assert isinstance(removed, RemoveConstraint)
    assert removed.name == KEY.name


@pytest.mark.django_db
def test_the_migrations_are_whole() -> None:
    output = StringIO()
    call_command("makemigrations", "--check", "--dry-run", stdout=output)  # exits when one is missing
    assert output.getvalue() == "No changes detected\n"


@pytest.mark.parametrize(
    "key", [KEY, CompositeForeignKey(fields=["user", "of_support"], to_fields=["id", "is_support"], name="alone")]
)
def test_composite_key_is_written_to_and_read_from_migrations(key: CompositeForeignKey) -> None:
    text, imports = MigrationWriter.serialize(key)
    scope: dict[str, object] = {}
    exec("\n".join(imports), scope)  # noqa: S102
    assert eval(text, scope) == key  # noqa: S307
    assert key.clone() == key
    assert hash(key.clone()) == hash(key)
    assert key != KEY or key is KEY
    assert key.name in repr(key)
    assert key != "alone"


@pytest.mark.django_db
def test_its_sql() -> None:
    with connection.schema_editor(collect_sql=True) as editor:
        editor.remove_constraint(TeamMember, KEY)
        editor.add_constraint(TeamMember, KEY)
    assert [line for line in editor.collected_sql if "TABLE" in line] == [
        'SET CONSTRAINTS "permissions_teammember_team_id_same_office" IMMEDIATE; ALTER TABLE "permissions_teammember"'
        ' DROP CONSTRAINT "permissions_teammember_team_id_same_office";',
        'ALTER TABLE "permissions_teammember" ADD CONSTRAINT "permissions_teammember_team_id_same_office"'
        ' FOREIGN KEY ("team_id", "provider_id") REFERENCES "permissions_team" ("id", "provider_id")'
        " DEFERRABLE INITIALLY DEFERRED;",
    ]


def test_one_column_is_no_composite_key() -> None:
    for fields, to_fields in ((["user"], ["id"]), (["user", "provider"], ["id"])):
        with pytest.raises(ValueError, match="two fields or more"):
            CompositeForeignKey(fields=fields, to_fields=to_fields, name="x")


def test_validation_refuses_a_row_of_another_office(office: Provider, alice: User, charlie: User) -> None:
    theirs = Team.objects.create(provider=charlie.provider, name="Loon")
    member = TeamMember(provider=office, team=theirs, user=alice)
    with pytest.raises(ValidationError, match=KEY.name):
        member.validate_constraints()
    member.validate_constraints(exclude={"provider"})  # as in a form that does not have it
    TeamMember(provider=charlie.provider, team=theirs, user=charlie).validate_constraints()


def test_nothing_refers_to_nothing(office: Provider, alice: User) -> None:
    key, row = SameOfficeForeignKey("team", name="x"), SetApplication(provider=office, user=alice)
    assert row.team_id is None
    key.validate(SetApplication, row)
    row.team = Team(name="Elsewhere")
    with pytest.raises(ValidationError):
        key.validate(SetApplication, row)


def test_a_generated_column_is_left_to_the_database(bob: User) -> None:
    model = apps.get_model("authentication", "RecoveryCodes")
    row = model(provider=bob.provider, user=bob, code_hashes=["x"])
    row.validate_constraints()
    row.save()
    row.refresh_from_db()
    assert row.of_support is False


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        (SameOfficeForeignKey("team", name="x"), None),
        (SameOfficeForeignKey("nobody", name="x"), "models.E012"),
        (CompositeForeignKey(fields=["team", "provider"], to_fields=["id", "name"], name="x"), "loket.E001"),
    ],
)
def test_the_declaration_is_checked(key: CompositeForeignKey, problem: str | None) -> None:
    assert [one.id for one in key._check(TeamMember, connection)] == ([problem] if problem else [])
    assert [one for model in (TeamMember, ExternalTenant) for one in model.check(databases=["default"])] == []
