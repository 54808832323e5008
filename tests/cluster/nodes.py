"""Three nodes of PostgreSQL, Patroni and etcd behind a haproxy, each on its own loopback address.

Clients reach a node through proxies, and its Patroni reaches etcd through one: cutting the proxies isolates the node.
All files are in one temporary folder, which is removed at the end.
"""

import glob
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import requests

from tests.cluster.proxy import Proxy

PORT, REST, ETCD, PEER = 15432, 18008, 12379, 12380
ENTRANCE = "127.0.0.31"  # of haproxy
TTL, LOOP, RETRY = 12, 2, 5  # seconds; TTL must be LOOP + 2 * RETRY at least
NUMBERS = (1, 2, 3)


def inner(number: int) -> str:
    """Return the address of the node itself."""
    return f"127.0.0.1{number}"


def outer(number: int) -> str:
    """Return the address at which others reach the node."""
    return f"127.0.0.2{number}"


def eventually(question: Callable[[], Any], seconds: float, what: str) -> Any:
    """Return the result once it is true; exceptions count as false. Fails with `message` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        with suppress(OSError, requests.RequestException, psycopg.Error):
            if answer := question():
                return answer
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def postgresql_binaries() -> str:
    """Return the folder of the newest PostgreSQL of Debian."""
    return max(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]))


def as_nobody_special() -> list[str]:
    """Return the command prefix with which root runs programs that refuse to run as root."""
    return ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []


class Cluster:
    """The nodes, their proxies and haproxy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.chmod(0o755)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.proxies = {
            number: [Proxy((outer(number), port), (inner(number), port)) for port in (PORT, REST, ETCD)]
            for number in NUMBERS
        }

    def start(self) -> None:
        """Start everything and return once a primary waits for a replica at every commit."""
        for number in NUMBERS:
            self._start_etcd(number)
        eventually(self._etcd_is_healthy, 30, "etcd does not start")
        for number in NUMBERS:
            self._start_patroni(number)
        self._start_haproxy()
        eventually(lambda: self.replicas("sync_standby") and len(self.replicas("running")) == 2, 90, "no replicas")
        eventually(lambda: self.ask("SELECT 1"), 20, "haproxy finds no primary")

    def run(self, name: str, *command: str) -> None:
        """Start a process in its own session; its output is in the folder."""
        with (self.folder / f"{name}.log").open("ab") as output:
            self.processes[name] = subprocess.Popen(
                command, stdout=output, stderr=output, cwd=self.folder, start_new_session=True
            )

    def stop(self) -> None:
        """Kill everything immediately."""
        for number in NUMBERS:
            self.kill(number)
        for process in self.processes.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for proxies in self.proxies.values():
            for proxy in proxies:
                proxy.close()

    def kill(self, number: int) -> None:
        """Kill a node with -9: Patroni first, then PostgreSQL with all its processes."""
        patroni = self.processes.get(f"patroni{number}")
        if patroni is not None:
            with suppress(ProcessLookupError):
                os.killpg(patroni.pid, signal.SIGKILL)
            patroni.wait()
        for pid in self._processes_of(number):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _processes_of(self, number: int) -> list[int]:
        """Return the server of a node and its children, the server first."""
        try:
            server = int((self._data(number) / "postmaster.pid").read_text().split()[0])
        except (OSError, IndexError, ValueError):
            return []
        found = subprocess.run(["pgrep", "-P", str(server)], capture_output=True, text=True, check=False)
        return [server, *map(int, found.stdout.split())]

    def cut(self, number: int) -> None:
        """Cut off a node in both directions."""
        for proxy in self.proxies[number]:
            proxy.cut()

    def members(self) -> list[dict[str, Any]]:
        """Return the cluster members, as reported by the first node that answers."""
        for number in NUMBERS:
            with suppress(requests.RequestException):
                answer = requests.get(f"http://{outer(number)}:{REST}/cluster", timeout=2)
                found: list[dict[str, Any]] = answer.json()["members"]
                return found
        return []

    def primary(self) -> int:
        """Return the number of the primary, or 0."""
        return next((int(member["name"][-1]) for member in self.members() if member["role"] == "leader"), 0)

    def replicas(self, what: str) -> list[str]:
        """Return the replicas with a role or a state."""
        return [
            member["name"]
            for member in self.members()
            if member["role"] != "leader" and what in (member["role"], member["state"])
        ]

    def ask(self, query: str, *, database: str = "postgres", user: str = "postgres") -> list[tuple[Any, ...]]:
        """Return the rows of a query on the primary, through haproxy."""
        with psycopg.connect(
            host=ENTRANCE, port=PORT, user=user, password="x", dbname=database, autocommit=True, connect_timeout=3
        ) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

    def _data(self, number: int) -> Path:
        return self.folder / f"node{number}" / "data"

    def _start_etcd(self, number: int) -> None:
        address = inner(number)
        members = ",".join(f"etcd{other}=http://{inner(other)}:{PEER}" for other in NUMBERS)
        self.run(
            f"etcd{number}", "etcd", "--name", f"etcd{number}", "--data-dir", str(self.folder / f"etcd{number}"),
            "--listen-client-urls", f"http://{address}:{ETCD}", "--advertise-client-urls", f"http://{address}:{ETCD}",
            "--listen-peer-urls", f"http://{address}:{PEER}", "--initial-advertise-peer-urls",
            f"http://{address}:{PEER}", "--initial-cluster", members, "--heartbeat-interval", "200",
            "--election-timeout", "2000", "--unsafe-no-fsync",
        )  # fmt: skip

    def _etcd_is_healthy(self) -> bool:
        answers = [requests.get(f"http://{inner(number)}:{ETCD}/health", timeout=2).json() for number in NUMBERS]
        return all(answer["health"] == "true" for answer in answers)

    def _start_patroni(self, number: int) -> None:
        home = self.folder / f"node{number}"
        home.mkdir(mode=0o755)
        if as_nobody_special():
            shutil.chown(home, "postgres", "postgres")
        file = self.folder / f"patroni{number}.yml"
        file.write_text(json.dumps(configuration(number, home)))  # JSON is YAML
        self.run(f"patroni{number}", *as_nobody_special(), "patroni", str(file))

    def _start_haproxy(self) -> None:
        file = self.folder / "haproxy.cfg"
        servers = "\n".join(f"    server node{number} {outer(number)}:{PORT} check port {REST}" for number in NUMBERS)
        file.write_text(HAPROXY.format(entrance=f"{ENTRANCE}:{PORT}", servers=servers))
        self.run("haproxy", "/usr/sbin/haproxy", "-db", "-f", str(file))


HAPROXY = """\
global
    maxconn 300
defaults
    mode tcp
    retries 1
    timeout connect 2s
    timeout client 30m
    timeout server 30m
    timeout check 1s
listen primary
    bind {entrance}
    option httpchk OPTIONS /primary
    http-check expect status 200
    default-server inter 1s fall 2 rise 1 on-marked-down shutdown-sessions
{servers}
"""


def configuration(number: int, home: Path) -> dict[str, Any]:
    """Return the configuration of Patroni: commits wait for a replica, and one is always synchronous."""
    trust = ["local all all trust", "host all all 127.0.0.0/8 trust", "host replication all 127.0.0.0/8 trust"]
    parameters = {"max_connections": 60, "synchronous_commit": "on", "log_min_error_statement": "panic"}
    return {
        "scope": "loket",
        "name": f"node{number}",
        "restapi": {"listen": f"{inner(number)}:{REST}", "connect_address": f"{outer(number)}:{REST}"},
        "etcd3": {"hosts": [f"{outer(number)}:{ETCD}"], "use_proxies": True},
        "bootstrap": {
            "dcs": {
                "ttl": TTL, "loop_wait": LOOP, "retry_timeout": RETRY, "maximum_lag_on_failover": 1048576,
                "synchronous_mode": True, "synchronous_mode_strict": True,
                "postgresql": {"use_pg_rewind": True, "use_slots": True, "parameters": parameters},
            },
            "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}],
        },
        "postgresql": {
            "listen": f"{inner(number)}:{PORT}",
            "connect_address": f"{outer(number)}:{PORT}",
            "data_dir": str(home / "data"),
            "bin_dir": postgresql_binaries(),
            "pgpass": str(home / "pgpass"),
            "pg_hba": trust,
            "parameters": {"unix_socket_directories": str(home)},
            "authentication": {
                "superuser": {"username": "postgres", "password": "x"},
                "replication": {"username": "replicator", "password": "x"},
                "rewind": {"username": "rewinder", "password": "x"},
            },
        },
    }  # fmt: skip
