"""The OpenAPI document: valid for the field's checkers, complete, and enough for generators of clients."""

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
from django.urls import reverse
from openapi_spec_validator import OpenAPIV31SpecValidator
from pytest_django.live_server_helper import LiveServer

from accounts.models import Provider, User
from api.openapi import build_openapi_document
from permissions.checks import Right
from permissions.models import IndividualRight
from tests.helpers.login_methods import make_service
from tests.helpers.users import PASSWORD

PROGRAMS = Path(__file__).parents[2] / "node_modules" / ".bin"
RIGHTS = (Right.VIEW_USERS, Right.VIEW_TEAMS, Right.MANAGE_USERS)


def list_operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in build_openapi_document()["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


@pytest.mark.slow
def test_the_document_is_valid() -> None:
    assert not list(OpenAPIV31SpecValidator(build_openapi_document()).iter_errors())


def test_every_schema_has_a_title_of_its_own() -> None:
    schemas = build_openapi_document()["components"]["schemas"]
    assert {name: schema["title"] for name, schema in schemas.items()} == {name: name for name in schemas}
    assert not [name for name in schemas if "_" in name]


def test_every_operation_declares_what_it_takes(settings: Any) -> None:
    document = build_openapi_document()
    assert document["servers"] == [{"url": settings.LOKET_URL}]
    assert document["externalDocs"]["url"] == settings.LOKET_URL + reverse("v2:guide")
    tags = {tag["name"] for tag in document["tags"] if tag["description"]}
    for path, method, operation in list_operations():
        parameters = {one["name"]: one for one in operation["parameters"]}
        assert parameters["Accept"]["schema"]["default"] == "application/json;version=2018-01-01", path
        assert set(operation["tags"]) <= tags
        assert {name: one for name, one in parameters.items() if one["in"] == "path"}.keys() == {
            part[1:-1] for part in path.split("/") if part.startswith("{")
        }
        if "filter" in parameters:
            assert operation["x-fields"]
            for name in operation["x-fields"]:
                assert f"`{name}`" in parameters["filter"]["description"], (path, method)
    codes = document["components"]["schemas"]["ApiMessage"]["properties"]["code"]["description"]
    assert "1102 taken" in codes
    ids = [operation["operationId"] for _path, _method, operation in list_operations()]
    assert len(ids) == len(set(ids))


@pytest.mark.slow
def test_every_answer_has_a_valid_example() -> None:
    schemas = build_openapi_document()["components"]["schemas"]
    for path, method, operation in list_operations():
        for status, response in operation["responses"].items():
            content = response["content"]["application/json"]
            schema = content["schema"] | {"components": {"schemas": schemas}}
            assert jsonschema_rs.Draft202012Validator(schema).is_valid(content["example"]), (path, method, status)


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(build_openapi_document()))
    return path


def run(*command: str | Path, folder: Path, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, check=False, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.node
def test_linters_find_no_error(document: Path) -> None:
    run(PROGRAMS / "redocly", "lint", document, folder=document.parent)
    (document.parent / "spectral.yaml").write_text('extends: ["spectral:oas"]\n')
    run(PROGRAMS / "spectral", "lint", document, "-r", "spectral.yaml", folder=document.parent)


@pytest.mark.slow
@pytest.mark.node
def test_types_are_generated_for_every_operation(document: Path) -> None:
    run(PROGRAMS / "openapi-typescript", document, "-o", "api.d.ts", folder=document.parent)
    types = (document.parent / "api.d.ts").read_text()
    for _path, _method, operation in list_operations():
        assert f"    {operation['operationId']}: {{" in types


@pytest.fixture
def environment(live_server: LiveServer, alice: User, office: Provider, settings: Any) -> dict[str, str]:
    """What a program knows: the address of the server, and its username and password."""
    settings.LOKET_URL = live_server.url
    service = make_service(office, username="koppeling", initials="K.", last_name="Dienst")
    IndividualRight.objects.bulk_create(IndividualRight(provider=office, user=service, right=right) for right in RIGHTS)
    return {"PATH": os.environ["PATH"], "LOKET": live_server.url, "NAME": "koppeling", "PASSWORD": PASSWORD}


@pytest.mark.slow
@pytest.mark.node
@pytest.mark.django_db(transaction=True)
def test_a_typed_client_plays_the_guide(environment: dict[str, str], document: Path) -> None:
    folder = document.parent
    (folder / "node_modules").symlink_to(PROGRAMS.parent)
    (folder / "package.json").write_text('{"type": "module"}')
    shutil.copy(Path(__file__).parent / "guide.ts", folder)
    run(PROGRAMS / "openapi-typescript", document, "-o", "api.d.ts", folder=folder)
    options = {"strict": True, "noUncheckedIndexedAccess": True, "module": "nodenext", "target": "es2022", "types": []}
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": ["guide.ts"]}))
    run(PROGRAMS / "tsc", folder=folder)
    story = json.loads(run("node", "guide.js", folder=folder, environment=environment))
    assert story.pop("ticket").startswith(f"{environment['LOKET']}/sso/")
    assert story == {
        "own": "koppeling", "service": "sso_webservice", "firstName": "Pieter", "found": ["Boer"],
        "notifications": 19, "refused": ["not_found"],
    }  # fmt: skip
    made = User.objects.get(last_name="Boer")
    assert (made.first_name, made.blocked_at, made.two_factor_required) == ("Pieter", None, True)


@pytest.fixture
def generated(document: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a generated Python client, which can be imported as `loket_client`."""
    (document.parent / "config.yaml").write_text("post_hooks: []\n")
    arguments = ["generate", "--path", document, "--output-path", "loket_client", "--meta", "none"]
    shown = run(
        sys.executable, "-m", "openapi_python_client", *arguments, "--config", "config.yaml", folder=document.parent
    )
    assert "warning" not in shown.lower(), shown
    monkeypatch.syspath_prepend(str(document.parent))
    return document.parent / "loket_client"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_generated_client_plays_the_guide(generated: Path, environment: dict[str, str]) -> None:
    assert len(list(generated.glob("api/*/[a-z]*.py"))) == len(list(list_operations()))
    form, loket = {"grant_type": "client_credentials"}, environment["LOKET"]
    token = httpx.post(f"{loket}/oauth/token/", data=form, auth=("koppeling", PASSWORD)).json()
    client_module = importlib.import_module("loket_client")
    models = importlib.import_module("loket_client.models")
    client = client_module.AuthenticatedClient(base_url=loket, token=token["access_token"])

    def call(tag: str, operation: str, *ids: Any, **arguments: Any) -> Any:
        module = importlib.import_module(f"loket_client.api.{tag}.{operation}")
        response = module.sync_detailed(*ids, client=client, **arguments)
        assert response.status_code < 300, response.content
        return response

    with client:
        provider = call("own", "get_providers_by_user").parsed.field_embedded[0]
        person = {
            "personalDetails": {"initials": "P.", "prefix": "de", "lastName": "Boer"},
            "contactInformation": {"emailAddress": "p.deboer@devries.example"},
        }
        account = {"userName": "uren", "password": "Regenboog-17-veld"}
        create = models.UserCreate.from_dict(person | {"loginMethod": {"key": 3}, "ssoAccount": account})
        made = call("users", "post_user_by_provider_id", provider.id, body=create, idempotency_key="een").parsed.content
        assert made.login_method.code == "sso_webservice"
        invite = models.UserInvite.from_dict(person | {"destinationForSecret": "0612345678"})
        invited = call("users", "post_invite_by_provider_id", provider.id, body=invite).parsed
        assert [message.reason for message in invited.messages] == ["same_email"]
        for action in ("Block", "Unblock"):
            body = models.UserAction.from_dict({"action": action})
            call("users", "patch_user_by_user_id", invited.content.id, body=body)
        read = call("users", "get_user_by_user_id", invited.content.id)
        change = models.UserUpdate.from_dict(json.loads(read.content)["content"])
        change.personal_details.first_name = "Pieter"
        etag = read.headers["ETag"]
        changed = call("users", "put_user_by_user_id", invited.content.id, body=change, if_match=etag).parsed.content
        assert changed.personal_details.first_name == "Pieter"
        found = call(
            "users", "get_users_by_provider_id", provider.id, filter_="personalDetails.lastName lk 'boer'"
        ).parsed
        assert {user.id for user in found.field_embedded} == {made.id, invited.content.id}
        assert call("signals", "get_notification_settings_by_user_id", made.id).parsed.total_size == 19
        ticket = call("portals", "post_sso_ticket", body=models.SsoTicketCreate()).parsed.content
        assert ticket.url.startswith(f"{loket}/sso/")
