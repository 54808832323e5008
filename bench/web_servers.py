"""Measure pages per second of several web servers behind nginx, configured as in deploy/nginx/.

    LOKET_DATA_DIR=<a folder that bench.scale filled> python -m bench.web_servers 1 2 4

Needs nginx and wrk. Each web server is one process, as on a machine of its own; here they share the processors with
nginx, PostgreSQL and wrk. Prints as JSON, by number of web servers, pages per second and the median and slowest
hundredth in milliseconds; then how many requests failed while one of the last ones was killed.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.test import Client  # noqa: E402

from accounts.models import User  # noqa: E402
from bench.database import stop_database_afterwards  # noqa: E402
from core.processes import build_granian_arguments  # noqa: E402
from tests.authentication.microsoft.test_sign_in_browser import certificate_in  # noqa: E402
from tests.helpers.demo_process import free_port  # noqa: E402
from tests.loket.test_nginx import Site  # noqa: E402
from tests.monitoring.test_metrics import wait_until_alive  # noqa: E402

SECONDS, CONNECTIONS = 6, 8
_PAGE = "/gebruikers/"


def start_servers(site: Site, count: int, stack: ExitStack) -> list[subprocess.Popen[bytes]]:
    """Start the web servers and nginx in front of them; they stop with `stack`."""
    ports = [free_port() for _number in range(count)]
    servers = [[sys.executable, *build_granian_arguments(port)] for port in ports]
    file = site.configuration()
    upstream = "upstream loket { " + "".join(f"server 127.0.0.1:{port}; " for port in ports) + "}\n"
    file.write_text(
        file.read_text()
        .replace(f"http://127.0.0.1:{site.port}", "http://loket")
        .replace("http {", f"http {{\n{upstream}", 1)
    )
    for command in [*servers, ["/usr/sbin/nginx", "-c", str(file)]]:
        site.start(*command)
        stack.callback(site.processes[-1].wait)
        stack.callback(site.processes[-1].terminate)
    for port in ports:
        wait_until_alive(f"http://127.0.0.1:{port}")
    return site.processes[-count - 1 : -1]


def run_wrk(site: Site, cookie: str) -> dict[str, Any]:
    """Return pages per second, median and 99th percentile in milliseconds, and failed requests."""
    command = [
        "wrk",
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{SECONDS}s",
        "--timeout",
        "10s",
        "--latency",
        "-H",
        f"Cookie: {cookie}",
    ]
    said = subprocess.run([*command, site.url + _PAGE], capture_output=True, text=True, check=True).stdout
    times = dict(re.findall(r"^\s+(50|99)%\s+(\S+)\s*$", said, re.M))
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    lost = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    return {
        "pages a second": float(re.findall(r"Requests/sec:\s+(\S+)", said)[0]),
        "median": times["50"],
        "99 %": times["99"],
        "failed": int(failed[1] if failed else 0) + sum(map(int, lost.groups() if lost else ())),
    }


def measure(folder: Path, cookie: str, count: int, *, kill: bool = False) -> dict[str, Any]:
    """Return the figures of `count` web servers, of which one may be killed halfway."""
    site = Site(folder)
    site.environment |= {"LOKET_DATA_DIR": str(settings.LOKET_DATA_DIR)}
    with ExitStack() as stack:
        servers = start_servers(site, count, stack)
        run_wrk(site, cookie)  # warms up
        if kill:
            command = ["sh", "-c", f"sleep {SECONDS // 2}; kill -9 $(pgrep -P {servers[0].pid}) {servers[0].pid}"]
            stack.callback(subprocess.Popen(command).wait)
        return run_wrk(site, cookie)


def main() -> None:
    """Run the benchmark, then stop the database."""
    with stop_database_afterwards(), tempfile.TemporaryDirectory() as name:
        certificate_in(Path(name))
        client = Client()
        client.force_login(User.objects.get(username_key="u1"))
        cookie = f"__Host-sessionid={client.cookies[settings.SESSION_COOKIE_NAME].value}"
        counts = [int(count) for count in sys.argv[1:]] or [1, 2]
        found: dict[str, Any] = {str(count): measure(Path(name), cookie, count) for count in counts}
        found["one of the last killed"] = measure(Path(name), cookie, counts[-1], kill=True)
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
