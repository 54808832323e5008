"""Measure a first cycle of a directory, and its lists and changes beside bare views; print the figures as JSON.

Users are looked up and created as Entra ID does, each in its own transaction with its event. The list and the change
alternate with bare views: one runs an equal query and dumps it as JSON, one reads and saves a row.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from django.core.handlers.wsgi import WSGIHandler
from django.test import RequestFactory, override_settings

from bench.database import discard_log, stop_database_afterwards
from bench.wsgi_calls import call_application

OFFICE_SIZE, USER_COUNT, LISTED, WARM_UP, MEASURED = 10, 10_000, 100, 10, 100
CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def main() -> None:
    """Run the benchmark, with a number of users by choice, then stop the database."""
    count = int(sys.argv[1]) if sys.argv[1:] else USER_COUNT
    subprocess.run([sys.executable, "-m", "bench.office_data", str(OFFICE_SIZE)], check=True)
    from loket import wsgi  # which starts Django

    discard_log()
    with stop_database_afterwards():
        headers, root, connection = create_connection("user0")
        send = create_sender(wsgi.application, root, headers)
        rates, ids = measure_creates(send, count)
        print(json.dumps(rates | measure_calls(send, connection, ids)))


def measure_creates(send: Callable[..., Any], count: int) -> tuple[dict[str, float], list[str]]:
    """Return the users created a second, alone and with a lookup before each, and their ids."""
    ids, looking_up, creating = [], 0.0, 0.0
    for number in range(count):
        begun = time.perf_counter()
        look_up(send, number)
        found = time.perf_counter()
        ids.append(create_user(send, number))
        creating += time.perf_counter() - found
        looking_up += found - begun
        if number % 1000 == 0:
            lift_limit()
    return {"creates": count / creating, "looked_up_creates": count / (looking_up + creating)}, ids


def measure_calls(send: Callable[..., Any], connection: UUID, ids: list[str]) -> dict[str, float]:
    """Return the medians of a list and of a change, and of their bare views, in milliseconds."""
    with override_settings(MIDDLEWARE=["bench.bare_views.use_bare_urls"]):
        bare = WSGIHandler()
    bare_send = create_sender(bare, f"/bare/{connection}", {})
    calls: dict[str, Callable[[int], Any]] = {
        "list": lambda _n: send("GET", f"/Users?startIndex=1&count={LISTED}"),
        "bare_list": lambda _n: bare_send("GET", "/directory/"),
        "patch": lambda n: send("PATCH", f"/Users/{ids[n]}", build_rename(n)),
        "bare_patch": lambda n: bare_send("POST", f"/directory/{ids[n]}/", {"familyName": f"Anders{n}"}),
    }
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(min(WARM_UP + MEASURED, len(ids))):
        lift_limit()
        for name, call in calls.items():
            begun = time.perf_counter()
            call(number)
            if number >= WARM_UP:
                times[name].append((time.perf_counter() - begun) * 1000)
    return {name: sorted(taken)[len(taken) // 2] for name, taken in times.items()}


def create_connection(owner_key: str) -> tuple[dict[str, str], str, UUID]:
    """Return the headers of a live connection for Azure users, its root and its id, with this user as the owner."""
    from django.utils import timezone

    from accounts.models import ExternalTenant, User
    from core import encryption
    from scim.models import ConnectionToken, DirectoryConnection

    owner, secret = User.objects.get(username_key=owner_key), encryption.generate_token()
    office = owner.office
    method, now = ExternalTenant.ConfirmationMethod.MICROSOFT, timezone.now()
    tenant = ExternalTenant.objects.create(
        provider=office, name="Bench", tenant_id=uuid4(), confirmed_at=now, confirmation_method=method
    )
    connection = DirectoryConnection.objects.create(
        provider=office,
        name="Entra ID",
        owner=owner,
        login_method="azure_ad",
        tenant=tenant,
        state="on",
        went_live_at=now,
    )
    hashed = encryption.hash_token(secret)
    ConnectionToken.objects.create(provider=office, connection=connection, token_hash=hashed)
    return {"Authorization": f"Bearer {secret}"}, f"/scim/v2/{connection.pk}", connection.pk


def look_up(send: Callable[..., Any], number: int) -> None:
    found = send("GET", f"/Users?filter=userName+eq+%22u{number}%40bench.example%22")
    assert found["totalResults"] == 0


def create_user(send: Callable[..., Any], number: int) -> str:
    """Create one user; return the id."""
    address = f"u{number}@bench.example"
    body = {
        "schemas": [CORE], "externalId": str(uuid4()), "userName": address, "active": True,
        "name": {"givenName": "Eva", "familyName": f"van der Berg{number}"},
        "emails": [{"primary": True, "type": "work", "value": address}],
    }  # fmt: skip
    return str(send("POST", "/Users", body)["id"])


def build_rename(number: int) -> dict[str, Any]:
    operation = {"op": "Replace", "path": "name.familyName", "value": f"Smit{number}"}
    return {"schemas": [PATCH], "Operations": [operation]}


def create_sender(application: WSGIHandler, root: str, headers: dict[str, str]) -> Callable[..., Any]:
    """Return a function that calls `application` as a web server would and parses the response."""

    def send(method: str, path: str, body: Any = None) -> Any:
        content = b"" if body is None else json.dumps(body).encode()
        request = RequestFactory(headers={"Host": "localhost", **headers}).generic(
            method, root + path, content, content_type="application/scim+json"
        )
        text = call_application(application, request.environ, ("200 OK", "201 Created", "204 No Content"))
        return json.loads(text) if text else None

    return send


def lift_limit() -> None:
    from core.models import Throttle

    Throttle.objects.all().delete()


if __name__ == "__main__":
    main()
