"""Stored keys: no write leaves one that is not the key of its text."""

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.core.exceptions import FieldError
from django.db import models

from accounts.models import ExternalTenant, LoginMethod, Provider
from core.key_fields import KeyField
from core.keys import compute_name_key
from notifications.models import NotificationSet
from oauth.models import Application
from permissions.models import AuthorizationSet, DutyRule, Employer, Team
from scim.models import DirectoryConnection, DirectoryGroup, DirectoryUser
from tests.helpers.users import make_user

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).parents[2]


def list_keys(model: Any) -> list[KeyField]:
    return [field for field in model._meta.concrete_fields if isinstance(field, KeyField)]


KEYED_MODELS: list[Any] = [model for model in apps.get_models() if list_keys(model)]
KEYED_SOURCES = [
    (model, source) for model in KEYED_MODELS for source in sorted({s for key in list_keys(model) for s in key.sources})
]
every_source = pytest.mark.parametrize(
    ("model", "source"), KEYED_SOURCES, ids=[f"{model.__name__}.{source}" for model, source in KEYED_SOURCES]
)


def make_row(model: Any, office: Provider) -> Any:
    if model in (Team, AuthorizationSet, NotificationSet):
        return model.objects.create(provider=office, name="Oud")
    if model is Employer:
        return Employer.objects.create(provider=office, name="Oud", number=1)
    if model is ExternalTenant:
        return ExternalTenant.objects.create(provider=office, name="Oud", tenant_id=uuid4())
    if model is DutyRule:
        return DutyRule.objects.create(provider=office, name="Oud", first=["view_users"], second=["view_audit"])
    if model is Provider:
        return office
    if model is DirectoryConnection:
        return DirectoryConnection.objects.create(provider=office, name="Oud", login_method=LoginMethod.WEBSITE_SSO)
    if model is DirectoryUser:
        connection = make_row(DirectoryConnection, office)
        return DirectoryUser.objects.create(provider=office, connection=connection, user_name="oud", attributes={})
    if model is DirectoryGroup:
        connection = make_row(DirectoryConnection, office)
        return DirectoryGroup.objects.create(provider=office, connection=connection, name="Oud")
    if model is Application:
        return Application.objects.create(provider=office, name="Oud", scopes=[])
    return make_user(office, username="oud", email="oud@example.org")


def assert_fresh_keys(row: Any, source: str) -> None:
    stored = type(row).objects.get(pk=row.pk)
    assert getattr(stored, source) == "Nieuw\u00e9"
    for key in list_keys(row):
        text = " ".join(getattr(stored, name) or "" for name in key.sources)
        assert getattr(stored, key.name) == key.compute(text)[: key.max_length], key.name


@every_source
def test_saving_some_fields_saves_their_keys(model: Any, source: str, office: Provider) -> None:
    row = make_row(model, office)
    setattr(row, source, "Nieuw\u00e9")
    row.save(update_fields=[source])
    assert_fresh_keys(row, source)


@every_source
def test_saving_a_row_that_was_read_in_part_saves_its_keys(model: Any, source: str, office: Provider) -> None:
    row = model.objects.only(source).get(pk=make_row(model, office).pk)
    setattr(row, source, "Nieuw\u00e9")
    row.save()
    assert_fresh_keys(row, source)


@every_source
def test_update_or_create_computes_keys(model: Any, source: str, office: Provider) -> None:
    row = make_row(model, office)
    model.objects.update_or_create(pk=row.pk, defaults={source: "Nieuw\u00e9"})
    assert_fresh_keys(row, source)


@every_source
def test_an_insert_that_updates_computes_keys(model: Any, source: str, office: Provider) -> None:
    row = make_row(model, office)
    setattr(row, source, "Nieuw\u00e9")
    model.objects.bulk_create([row], update_conflicts=True, unique_fields=["id"], update_fields=[source])
    assert_fresh_keys(row, source)


@every_source
def test_an_update_without_python_is_refused(model: Any, source: str, office: Provider) -> None:
    row = make_row(model, office)
    for rows in (model.objects.all(), model._default_manager.filter(pk=row.pk)):
        with pytest.raises(FieldError):
            rows.update(**{source: "Nieuw\u00e9"})
        with pytest.raises(FieldError):
            rows.bulk_update([row], [source])
    with pytest.raises(FieldError):
        office.users.update(last_name=models.F("first_name"))


@pytest.mark.parametrize("model", KEYED_MODELS)
def test_a_key_itself_is_not_updated(model: Any) -> None:
    for key in list_keys(model):
        with pytest.raises(FieldError):
            model.objects.update(**{key.name: "anders"})


@pytest.mark.parametrize("model", KEYED_MODELS)
def test_models_with_keys_pass_their_check(model: Any) -> None:
    assert [error for key in list_keys(model) for error in key.check()] == []


def test_a_model_that_could_leave_a_stale_key_fails_its_check() -> None:
    class Unguarded(models.Model):
        name = models.CharField(max_length=10)
        name_key = KeyField("name", compute=compute_name_key)

        class Meta:
            app_label = "core"

        def __str__(self) -> str:
            return self.name

    del apps.all_models["core"]["unguarded"]
    (error,) = Unguarded._meta.get_field("name_key").check()
    assert "KeyedModel" in error.msg


@pytest.mark.slow
def test_no_statement_of_the_product_writes_these_tables_itself() -> None:
    tables = "|".join(model._meta.db_table for model in KEYED_MODELS)
    writes = re.compile(rf'\b(UPDATE|INTO|COPY)\s+"?({tables})\b', re.IGNORECASE)
    outside = {"tests", "bench", "node_modules"}
    sources = [path for path in ROOT.glob("[a-z]*/**/*.py") if path.relative_to(ROOT).parts[0] not in outside]
    assert len(sources) > 300
    assert [str(path) for path in sources if writes.search(path.read_text("utf-8"))] == []
