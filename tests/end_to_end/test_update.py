"""One node after the other is updated: a really older version works beside this one."""

import base64
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from browser import PASSWORD, free_port
from command_line import APP_ID, CommandLine, living, wait_until
from databases import MARIADB, Servers, blank, opened
from mprelease.simulator.sample import make_sample
from mprelease.simulator.wechat import WeChat
from mprelease.storage.migrate import HEAD
from older_version import OLDEST_REVISION, older_source

pytestmark = [
    pytest.mark.slow,
    pytest.mark.light_tool,
    pytest.mark.servers,
    pytest.mark.timeout(300),
]
MASTER_KEY = base64.b64encode(bytes(range(32))).decode()
WAITING = f"sleep 5{os.getpid()} || true"
ASLEEP = f"sleep\0005{os.getpid()}\0"
PAGES = (
    "/", "/projects", "/projects/web", "/projects/web/new-app", "/projects/web/release",
    "/apps/shop", "/apps/shop/preview", "/apps/shop/settings",
    "/releases", "/releases/1", "/releases/2", "/releases/1/log.txt", "/releases/2/log.txt",
    "/workers", "/audit", "/users", "/profile", "/api/v1/releases", "/api/v1/workers",
)  # fmt: skip


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return older_source(tmp_path_factory.mktemp("older"))


@dataclass
class Nodes:
    """An older and a new machine, on one database; commands of people are of the new version."""

    url: str
    old: CommandLine
    new: CommandLine

    def revision(self) -> str:
        return self.read("SELECT version_num FROM alembic_version")

    def worker_of(self, release: int) -> str:
        """Return the name of the machine whose worker ran a release."""
        name = self.read(f"SELECT worker_id FROM releases WHERE id = {release}")
        return name.rpartition("-")[0]

    def read(self, query: str) -> str:
        with opened(self.url) as database, database.reading() as db:
            return str(db.connection.scalar(text(query)))


@pytest.fixture
def nodes(cli: CommandLine, servers: Servers, redis_url: str, older: Path) -> Iterator[Nodes]:
    with blank(servers.address(MARIADB)) as url:
        shared = {
            "MPRELEASE_DATABASE_URL": url,
            "MPRELEASE_REDIS_URL": redis_url,
            "MPRELEASE_MASTER_KEY": MASTER_KEY,
            "MPRELEASE_LEASE_SECONDS": "5",
            "MPRELEASE_ADMIN_PASSWORD": PASSWORD,
        }
        machines = []
        for name, more in (("old", {"PYTHONPATH": str(older)}), ("new", {})):
            folder = cli.folder / name
            folder.mkdir()
            extra = {**cli.extra, **shared, "MPRELEASE_WORKER_NAME": name, **more}
            machines.append(replace(cli, folder=folder, extra=extra, started=[]))
        yield Nodes(url, *machines)
        for machine in machines:
            machine.end()


def output_of(machine: CommandLine, *words: str) -> str:
    """Run a command as a program, in the machine's version, and return its output."""
    process = machine.start(*words)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err + out
    return out


def workers(machine: CommandLine) -> set[str]:
    return {worker["name"].rpartition("-")[0] for worker in machine.must("workers", "--json").json}


@contextmanager
def serving(machine: CommandLine) -> Iterator[httpx.Client]:
    port = free_port()
    process = machine.start("serve", "--no-worker", "--port", str(port))
    url = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=url, headers={"Origin": url}, trust_env=False) as browser:

        def answers() -> bool:
            assert process.poll() is None, process.communicate()[1]
            try:
                return browser.get("/readyz").status_code == 200
            except httpx.TransportError:
                return False

        wait_until(answers)
        yield browser
    end(process)


def end(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGTERM)
    _, words = process.communicate(timeout=30)
    assert (process.returncode, "Traceback" in words) == (0, False), words


def wake() -> None:
    """Let a build go on that waits."""
    for pid in living(ASLEEP):
        os.kill(pid, signal.SIGKILL)


def queued(nodes: Nodes, label: str, kind: str) -> int:
    """Put a release into the queue whose kind belongs to a still newer version."""
    nodes.new.must("app", "edit", "shop", "--label", "nobody")
    asking = nodes.new.start("preview", "shop")
    query = "SELECT id FROM releases WHERE label = 'nobody'"
    wait_until(lambda: nodes.read(query) != "None")
    asking.kill()
    asking.communicate()
    release = int(nodes.read(query))
    with opened(nodes.url) as database, database.writing() as db:
        values = {"id": release, "label": label, "kind": kind}
        change = "UPDATE releases SET label = :label, kind = :kind WHERE id = :id"
        db.connection.execute(text(change), values)
    return release


def first_new_worker(nodes: Nodes) -> "subprocess.Popen[str]":
    """Start a new worker, which migrates while the older one is in the middle of an upload."""
    running = nodes.old.start("upload", "shop", "--json")
    wait_until(lambda: bool(living(ASLEEP)))
    assert nodes.revision() == OLDEST_REVISION
    worker = nodes.new.start("worker", "--labels", "new")
    wait_until(lambda: nodes.revision() == HEAD)
    wake()
    out, err = running.communicate(timeout=60)
    assert json.loads(out)["state"] == "succeeded", err
    wait_until(lambda: workers(nodes.new) == {"new", "old"})
    return worker


def each_works_for_people_of_both(nodes: Nodes) -> None:
    old, new = nodes.old, nodes.new
    # What the older version does not know.
    new.must("app", "edit", "shop", "--build-command", "true", "--node", "*")
    new.must("release", "keep", "1")
    for machine in (old, new):
        new.must("app", "edit", "shop", "--label", machine.folder.name)
        release = new.must("preview", "shop", "--json").json
        assert release["state"] == "succeeded"
        assert nodes.worker_of(release["id"]) == machine.folder.name
        assert new.must("app", "check", "shop", "--json").json["accepted"]
    release = json.loads(output_of(old, "upload", "shop", "--json"))
    assert release["state"] == "succeeded"
    assert nodes.worker_of(release["id"]) == "new"
    assert json.loads(output_of(old, "app", "check", "shop", "--json"))["accepted"]
    assert new.must("project", "refs", "web", "--json").json["branches"] == ["main"]


def the_older_dies_and_is_replaced(nodes: Nodes, worker: "subprocess.Popen[str]") -> None:
    """Kill the older worker in a release, which the new version ends in its data folder."""
    old, new = nodes.old, nodes.new
    new.must("app", "edit", "shop", "--build-command", WAITING, "--label", "old")
    interrupted = new.start("preview", "shop", "--json")
    wait_until(lambda: bool(living(ASLEEP)))
    worker.kill()
    worker.communicate(timeout=30)
    new.must("app", "edit", "shop", "--build-command", "true")
    updated = replace(new, folder=old.folder, extra={**new.extra, "MPRELEASE_WORKER_NAME": "old"})
    successor = updated.start("worker", "--labels", "old")
    out, err = interrupted.communicate(timeout=90)
    assert json.loads(out)["state"] == "succeeded", err
    end(successor)


def test_nodes_are_replaced_one_by_one(nodes: Nodes, wechat: WeChat, tmp_path: Path) -> None:
    old, new = nodes.old, nodes.new
    key_file = tmp_path / "private.key"
    key_file.write_text(old.key)
    old_worker = old.start("worker", "--labels", "old,default")
    output_of(old, "project", "add", "web", "--repository", str(make_sample(tmp_path / "sample")))
    app = ("--app-id", APP_ID, "--credential-file", str(key_file), "--label", "old")
    build = ("--build-command", WAITING, "--output", ".")
    output_of(old, "app", "add", "shop", "--project", "web", *app, *build)

    with serving(old) as old_site:
        form = {"name": "admin", "password": PASSWORD}
        assert old_site.post("/login", data=form).status_code == 303
        new_worker = first_new_worker(nodes)
        newer = queued(nodes, "old", kind="newer")
        each_works_for_people_of_both(nodes)
        with serving(new) as new_site:
            new_site.cookies = old_site.cookies
            for site in (old_site, new_site):
                pages = (*PAGES, f"/releases/{newer}")
                answers = {page: site.get(page).status_code for page in pages}
                assert set(answers.values()) == {200}, answers
    the_older_dies_and_is_replaced(nodes, old_worker)
    end(new_worker)
    assert workers(new) == set()
    assert nodes.read(f"SELECT state FROM releases WHERE id = {newer}") == "queued"
    uploads = [received.version for received in wechat.received if received.version != "0.0.1"]
    assert len(uploads) == len(set(uploads)) == 2
