"""The set-up of the live benchmarks: node processes, releases, and watchers."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks.installation import APP, native
from benchmarks.measuring import InvalidMeasurement
from mprelease.application import opened
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Kind, Release
from mprelease.domain.users import Actor, Role
from mprelease.schemas.apps import AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.schemas.users import NewUser
from mprelease.services import apps, projects, releases, sessions, users
from mprelease.services.context import ServiceContext
from mprelease.settings.environment import machine_environment
from mprelease.settings.settings import Settings
from mprelease.simulator.keys import make_key

_ACTOR = Actor("benchmark")
_USERS = 10
_SETTLE_SECONDS = 2.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Cluster:
    """An installation of one node, or of several with `database_url` and `redis_url`."""

    folder: Path
    database_url: str | None = None
    redis_url: str | None = None
    master_key: str | None = "A" * 43 + "="
    apps: int = 0
    tokens: list[str] = field(default_factory=list)

    @property
    def go(self) -> Path:
        """Return the file whose existence makes releases write lines."""
        return self.folder / "go"

    @contextmanager
    def services(self) -> Iterator[ServiceContext]:
        """Open the installation in this process."""
        settings = Settings(
            data_dir=self.folder / "benchmark" if self.database_url else self.folder / "data",
            database_url=self.database_url,
            master_key=self.master_key,
        )
        made = opened(settings)
        yield made.services
        made.close()

    def add_apps(self, many: int) -> None:
        """Add apps, and users with tokens."""
        self.apps = many
        with self.services() as services:
            key = make_key().encode()
            projects.add(
                services,
                _ACTOR,
                ProjectChange(name=APP, repository="/srv/web.git", default_branch="main"),
            )
            for number in range(many):
                one = native()
                change = AppChange(
                    name=f"{APP}-{number}",
                    platform_app_id=f"wx{number:016x}",
                    build_command=one.build_command,
                    credential=key,
                )
                apps.add(services, _ACTOR, APP, Platform.WECHAT, change)
            self.add_users(services)

    def add_users(self, services: ServiceContext) -> None:
        """Add users with tokens."""
        for number in range(_USERS):
            user, _ = users.add(
                services, _ACTOR, NewUser(name=f"watcher {number}", role=Role.VIEWER)
            )
            self.tokens.append(sessions.add_token(services, user, "bench", 1))

    def request(self, many: int, rate: int, seconds: int) -> list[int]:
        """Queue a release for each app, which writes `rate` lines per second once `go` exists."""
        words = f"rate={rate} seconds={seconds} go={self.go}"
        wanted = (
            ReleaseRequest(app=f"{APP}-{number}", kind=Kind.PREVIEW, description=words)
            for number in range(many)
        )
        with self.services() as services:
            return [releases.request(services, _ACTOR, one) for one in wanted]

    @contextmanager
    def node(self, name: str, *command: str, **more: str) -> Iterator["Node"]:
        """Run a process of the installation during the block."""
        port = free_port()
        environment = {
            **machine_environment(),
            "HOME": str(self.folder),
            "PYTHONPATH": os.pathsep.join(sys.path),
            "MPRELEASE_DATA_DIR": str(self.folder / (name if self.database_url else "data")),
            "MPRELEASE_ADMIN_PASSWORD": "a password of benchmarks",
            "MPRELEASE_SLOTS": str(max(1, self.apps)),
            **({"MPRELEASE_MASTER_KEY": self.master_key} if self.master_key else {}),
            **({"MPRELEASE_DATABASE_URL": self.database_url} if self.database_url else {}),
            **({"MPRELEASE_REDIS_URL": self.redis_url} if self.redis_url else {}),
            **more,
        }
        arguments = [part.replace("PORT", str(port)) for part in command]
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                (sys.executable, *arguments), env=environment, stderr=log, stdout=log
            )
        try:
            if "PORT" in command:
                _wait_for(process, port)
            yield Node(process.pid, port)
        finally:
            process.terminate()
            process.wait(60)


@dataclass(frozen=True)
class Node:
    """A running process."""

    pid: int
    port: int

    def seconds(self) -> float:
        """Return the CPU time used so far, in seconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def megabytes(self) -> float:
        """Return the resident memory in MB."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@dataclass(frozen=True)
class Watch:
    """A number of sockets at a node that watch a release."""

    node: Node
    release: int
    count: int


@contextmanager
def watching(cluster: Cluster, watches: Sequence[Watch]) -> Iterator[list[Mapping[str, Any]]]:
    """Run connected watchers in a process during the block; the list then has their report.

    Raise InvalidMeasurement unless each watcher got each line, once and in order.
    """
    shares = [
        {
            "host": "127.0.0.1",
            "port": watch.node.port,
            "release": watch.release,
            "count": watch.count // _USERS + (number < watch.count % _USERS),
            "token": token,
        }
        for watch in watches
        for number, token in enumerate(cluster.tokens)
    ]
    report: list[Mapping[str, Any]] = []
    command = (sys.executable, "-m", "benchmarks.live.watchers")
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps({"watch": shares}))
        process.stdin.close()
        if process.stdout.readline() != "ready\n":
            raise InvalidMeasurement("the watchers could not connect")
        # Delays caused by all of them connecting at the same time are not to be measured.
        time.sleep(_SETTLE_SECONDS)
        yield report
        report.append(json.loads(process.stdout.readline()))
    if report[0]["broken"]:
        raise InvalidMeasurement(f"a watcher was told wrongly: {report[0]['broken']}")


@contextmanager
def unread_socket(node: Node, token: str, release_id: int) -> Iterator[None]:
    """Connect a socket that subscribes to a log, and never reads from it."""
    with socket.create_connection(("127.0.0.1", node.port)) as one:
        subscription = json.dumps({"log": release_id}).encode()
        one.sendall(
            b"GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            b"Sec-WebSocket-Version: 13\r\nAuthorization: Bearer " + token.encode() + b"\r\n\r\n"
        )
        one.recv(4096)
        one.sendall(bytes((129, 128 | len(subscription))) + bytes(4) + subscription)
        yield


def ended(services: ServiceContext, release_id: int) -> Release:
    """Wait for the end of a release, and return it."""
    while True:
        with services.database.reading() as db:
            release = releases.get(db, release_id)
        if release.state.is_final:
            return release
        time.sleep(0.1)


def free_port() -> int:
    """Return a free port on 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait_for(process: "subprocess.Popen[bytes]", port: int) -> None:
    with ExitStack() as stack:
        client = stack.enter_context(httpx.Client(trust_env=False))
        while process.poll() is None:
            try:
                client.get(f"http://127.0.0.1:{port}/healthz")
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return
    raise InvalidMeasurement(f"a node has ended with {process.returncode}")
