"""The times of pages with 100,000 stored releases, and the start and memory of the server.

MPRELEASE_BENCH_RELEASES and MPRELEASE_BENCH_APPS are other numbers of releases and apps.
"""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from sqlalchemy import insert, select

from benchmarks.installation import APP, Installation, installed, native
from benchmarks.measuring import InvalidMeasurement, Measurement, Of, Target
from mprelease.domain.releases import Kind, Stage, State
from mprelease.domain.users import Actor
from mprelease.services import apps, releases
from mprelease.settings.environment import machine_environment
from mprelease.simulator.sample import make_sample
from mprelease.storage.database import Database
from mprelease.storage.tables import apps as apps_table
from mprelease.storage.tables import qr_codes, stages
from mprelease.storage.tables import releases as releases_table

_RELEASES = int(os.environ.get("MPRELEASE_BENCH_RELEASES", "100000"))
_APPS = int(os.environ.get("MPRELEASE_BENCH_APPS", "1"))
_ROUNDS = 100
_INSERTED = 50_000
_PASSWORD = "a password of benchmarks"  # noqa: S105 of a server that lives for a minute
_PAGES = {"home": "/", "app": f"/apps/{APP}", "tasks": "/releases", "release": "/releases/500"}
_PAGE, _START, _MEMORY = Target(Of.ALONE, 15), Target(Of.ALONE, 2000), Target(Of.ALONE, 130, "MB")
_WIRE = Target(Of.ALONE, 70, "KB")


def measure(folder: Path) -> list[Measurement]:
    """Request each page many times, sequentially, on one connection."""
    with installed(folder, make_sample(folder / "repository"), native()) as installation:
        _fill(installation)
        with _serving(installation):
            pass  # The first start writes bytecode.
        with _serving(installation) as (server, started), closing(server.session_of()) as client:
            rows = [
                Measurement("mprelease serve answers", started, "its target", 2000, _START),
                Measurement("idle memory of serve", server.memory(), "target", 130, _MEMORY),
            ]
            rows.append(Measurement("first page", _kilobytes(server.url), "target", 70, _WIRE))
            least = _p95(client, "/healthz")
            for name, address in _PAGES.items():
                what = f"page {name}, {_RELEASES:,} releases, p95"
                rows.append(Measurement(what, _p95(client, address), "/healthz", least, _PAGE))
    return rows


@dataclass(frozen=True)
class _Server:
    pid: int
    url: str

    def memory(self) -> float:
        """Return the resident memory in MB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found
        return int(found[1]) / 1024

    def session_of(self) -> httpx.Client:
        """Return an HTTP client that is logged in."""
        client = httpx.Client(base_url=self.url, trust_env=False, follow_redirects=True)
        client.post("/login", data={"name": "admin", "password": _PASSWORD})
        return client


def _kilobytes(url: str) -> float:
    """Return the compressed size (KB) of the first page with all its static files."""
    with httpx.Client(base_url=url, trust_env=False, follow_redirects=True) as client:
        page = client.get("/").text
        addresses = ["/", *re.findall(r'(?:src|href)="(/static/[^"]+)"', page)]
        sizes = [_compressed(client, address) for address in addresses]
    return sum(sizes) / 1024


def _compressed(client: httpx.Client, address: str) -> int:
    with client.stream("GET", address) as answer:
        return sum(len(part) for part in answer.iter_raw())


def _p95(client: httpx.Client, address: str) -> float:
    took = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        answer = client.get(address)
        took.append((time.perf_counter() - began) * 1000)
        if answer.status_code != httpx.codes.OK or "/login" in str(answer.url):
            raise InvalidMeasurement(f"{address} answered {answer.status_code}")
    return sorted(took)[int(0.95 * _ROUNDS)]


@contextmanager
def _serving(installation: Installation) -> Iterator[tuple[_Server, float]]:
    """Run `mprelease serve`; yield it, and the time until its first response in ms."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = installation.folder
    environment = {
        **machine_environment(),
        "HOME": str(folder),
        # An installed mprelease has bytecode; the first start writes it here.
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
        "MPRELEASE_DATA_DIR": str(installation.application.settings.data_dir),
        "MPRELEASE_TOOLS_DIR": str(installation.application.settings.tools),
        "MPRELEASE_ADMIN_PASSWORD": _PASSWORD,
        "MPRELEASE_STANDBY_SECONDS": "0",
    }
    command = (sys.executable, "-m", "mprelease", "serve", "--port", str(port))
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        while not _answers(url):
            time.sleep(0.01)
        yield _Server(process.pid, url), (time.perf_counter() - began) * 1000
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _fill(installation: Installation) -> None:
    services = installation.application.services
    with services.database.reading() as db:
        app = apps.get(db, APP)
    first = installation.request()
    releases.cancel(services, Actor("benchmark"), first)
    blank = {
        "kind": Kind.PREVIEW,
        "state": State.SUCCEEDED,
        "environment": "production",
        "robot": 1,
        "description": "a change",
        "requested_by": "林",
        "warnings": [],
        "label": app.label,
        "priority": 0,
        "due": 0,
        "attempt": 1,
        "cancel_requested": False,
        "publish_state": "done",
        "serial_key": "key",
    }
    owners = [app.id, *_copies(services.database, app.id)]
    for start in range(first + 1, first + _RELEASES, _INSERTED):
        numbers = range(start, min(start + _INSERTED, first + _RELEASES))
        rows = [
            {**blank, "id": n, "app_id": owners[n % _APPS], "ref": f"feature/{n % 50}"}
            | {"created_at": n}
            for n in numbers
        ]
        known = {"state": "succeeded", "started_at": 1, "ended_at": 2, "cached": False}
        of_stages = [
            {**known, "release_id": n, "name": stage, "position": position}
            for n in numbers
            for position, stage in enumerate(Stage)
        ]
        with services.database.writing() as db:
            db.connection.execute(insert(releases_table), rows)
            db.connection.execute(insert(stages), of_stages)
    newest = range(first + _RELEASES - _APPS, first + _RELEASES)
    codes = [
        {"release_id": n, "app_id": owners[n % _APPS], "kind": Kind.PREVIEW, "image": b"png"}
        | {"media_type": "image/png", "made_at": n, "validity": "limited", "expires_at": n}
        for n in newest
    ]
    with services.database.writing() as db:
        db.connection.execute(insert(qr_codes), codes)


def _copies(database: Database, app_id: int) -> list[int]:
    """Add copies of an app, so that there are `_APPS`; return their ids."""
    with database.writing() as db:
        row = db.connection.execute(select(apps_table).where(apps_table.c.id == app_id)).one()
        rows = [
            {**row._asdict(), "id": app_id + n, "name": f"{APP}-{n}", "name_key": f"{APP}-{n}"}
            | {"platform_app_id": f"wx{n:016x}"}
            for n in range(1, _APPS)
        ]
        if rows:
            db.connection.execute(insert(apps_table), rows)
    return [each["id"] for each in rows]
