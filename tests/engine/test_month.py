"""A month of releases, with a moved clock: the data folder stays within its limits."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import update

from databases import SQLITE
from mprelease.domain.logs import LogLine, Position
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Kind, Stage, State
from mprelease.domain.stores import StoreName
from mprelease.domain.users import Actor
from mprelease.engine.cleanup import DiskCleanup, DiskLimits, WorkerCleanup
from mprelease.schemas.apps import AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import apps, projects, releases
from mprelease.services.context import ServiceContext
from mprelease.services.retention import Retention
from mprelease.source.mirror import mirror_name
from mprelease.storage import logs, retention, tables, workers
from mprelease.storage import releases as stored
from mprelease.workspace.cache_scopes import scope_of
from mprelease.workspace.disk_stores import size_on_disk
from mprelease.workspace.layout import Layout, key_of, prepared

DAY = 86_400
MEBI = 1 << 20
LIMIT = 2  # MiB of each store
# A database without releases, logs and QR codes, and the list of the pages of its log.
DATABASE = 3 * MEBI


@pytest.fixture
def kind() -> str:
    return SQLITE


@dataclass
class Month:
    """An installation whose clock is moved, and what each of its releases writes."""

    services: ServiceContext
    who: Actor
    layout: Layout
    now: float

    def release(self, app: str, repository: str, turn: int) -> int:
        """Write what a release leaves on the disk and in the database: about 1 MiB."""
        layout, key = self.layout, key_of(repository)
        with self.services.database.reading() as db:
            app_id = apps.get(db, app).id
        scope = scope_of(str(turn), app_id=app_id)
        for folder in (
            layout.mirrors / mirror_name(repository),
            layout.workspaces / key / str(turn % 2),
            layout.dependency_sets / key / f"set-{turn}",
            layout.caches / key / scope,
            layout.stores / key / f"scope-{turn % 3}",
            layout.compile_results / key / f"result-{turn}",
            layout.managers / f"pnpm-9.{turn}.0",
        ):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "content").write_bytes(b"x" * (150 << 10))
            os.utime(folder, (self.now, self.now))
        number = releases.request(
            self.services, self.who, ReleaseRequest(app=app, kind=Kind.PREVIEW)
        )
        at = round(self.now * 1000)
        with self.services.database.writing() as db:
            ended = {"state": State.SUCCEEDED, "created_at": at, "ended_at": at}
            row = update(tables.releases).where(tables.releases.c.id == number)
            db.connection.execute(row.values(ended))
            text = os.urandom(20 << 10).hex()
            logs.append(db, number, [LogLine(Position(1, 1), at, Stage.BUILD, text)])
            stored.put_qr_code(db, number, os.urandom(20 << 10), "image/png", at)
        return number


@pytest.mark.lasting
def test_a_month_of_releases_stays_within_the_limits(
    services: ServiceContext, developer: Actor, upload_key: str, tmp_path: Path
) -> None:
    layout = prepared(tmp_path / "data")
    month = Month(services, developer, layout, services.now() / 1000)
    month.services = replace(services, now=lambda: round(month.now * 1000))
    for number in range(3):
        new = ProjectChange(name=f"web-{number}", repository=f"/srv/{number}.git")
        projects.add(services, developer, new)
        app = AppChange(
            name=f"shop-{number}",
            platform_app_id=f"wx012345678901234{number}",
            credential=upload_key.encode(),
        )
        apps.add(services, developer, f"web-{number}", Platform.WECHAT, app)
    with services.database.writing() as db:
        workers.register(db, "one", ("default",), 2, "1")
    sizes = dict.fromkeys(StoreName, LIMIT)
    disk = DiskCleanup(
        services.database,
        layout,
        DiskLimits(sizes, 10, 0),
        clock=lambda: month.now,
    )
    cleanup = WorkerCleanup(month.services, disk, Retention(7, 20, 5, 5), "one")
    made = []
    for turn in range(30 * 4):
        # The third app is not released in the second half of the month.
        number = turn % (3 if turn < 60 else 2)
        made.append(month.release(f"shop-{number}", f"/srv/{number}.git", turn))
        month.now += DAY / 4
        # On a busy machine the month takes longer than a worker may be silent.
        with services.database.writing() as db:
            workers.heartbeat(db, "one")
        cleanup.run()
        stores = (layout.dependency_sets, layout.caches, layout.stores, layout.managers)
        for folder in (*stores, layout.compile_results):
            assert size_on_disk(folder, set()) <= LIMIT * MEBI + 64 * 1024
        assert size_on_disk(layout.data, set()) < 8 * LIMIT * MEBI
    with services.database.reading() as db:
        left = sorted(stored.by_ids(db, made))
        assert left == made[-len(left) :]
        assert len(left) == 7 * 4
    assert not (layout.workspaces / key_of("/srv/2.git") / "0").exists()
    with services.database.reading() as db:
        assert retention.sizes(db, services.database.backend).database_bytes < DATABASE
