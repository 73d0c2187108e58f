"""What a worker removes from its data folder: what no app uses, and what its limits demand."""

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from databases import SQLITE
from mprelease.domain.platforms import Platform
from mprelease.domain.stores import RemovalReason, StoreName, StoreReport
from mprelease.domain.users import Actor
from mprelease.engine.cleanup import DiskCleanup, DiskLimits
from mprelease.platforms.registry import driver_of
from mprelease.schemas.apps import App, AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.services import apps, projects
from mprelease.services.context import ServiceContext
from mprelease.source.mirror import PARENTS, mirror_name
from mprelease.workspace.cache_scopes import scope_of
from mprelease.workspace.layout import Layout, key_of, of_app, prepared
from mprelease.workspace.repository_lock import shared

REPOSITORY = "/srv/web.git"
HOURS = 3600.0
DAYS = 24 * HOURS


@pytest.fixture
def kind() -> str:
    return SQLITE


@dataclass
class Folder:
    """A data folder with projects, apps, and what their releases have left."""

    services: ServiceContext
    who: Actor
    key: str
    layout: Layout
    free: list[int] = field(default_factory=lambda: [1 << 40])

    def app(self, project: str, name: str, repository: str = REPOSITORY) -> App:
        with self.services.database.reading() as db:
            known = {one.name for one in projects.projects.every(db)}
        if project not in known:
            new = ProjectChange(name=project, repository=repository, default_branch="main")
            projects.add(self.services, self.who, new)
        app_id = f"wx{abs(hash(name)) % 10**16:016d}"
        app = AppChange(name=name, platform_app_id=app_id, credential=self.key.encode())
        return apps.add(self.services, self.who, project, Platform.WECHAT, app)

    def release(self, app: App, days_ago: float = 1, repository: str = REPOSITORY) -> list[Path]:
        """Leave on the disk what a release of an app leaves."""
        layout, key = self.layout, key_of(repository)
        return [
            made(layout.mirrors / mirror_name(repository), days_ago),
            made(layout.workspaces / key / "1", days_ago),
            made(layout.dependency_sets / key / "set", days_ago),
            made(layout.caches / key / scope_of("main", app_id=app.id), days_ago),
            made(layout.compile_results / key / of_app("1f", app.id), days_ago),
            made(layout.stores / key / "scope", days_ago),
        ]

    def cleanup(self, min_free: int = 0, **sizes: int) -> DiskCleanup:
        limits = DiskLimits({StoreName(name): size for name, size in sizes.items()}, 90, min_free)
        return DiskCleanup(
            self.services.database,
            self.layout,
            limits,
            lambda _: self.free[0],
        )


@pytest.fixture
def folder(services: ServiceContext, developer: Actor, upload_key: str, tmp_path: Path) -> Folder:
    return Folder(services, developer, upload_key, prepared(tmp_path / "data"))


def made(path: Path, days_ago: float, size: int = 4096) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    (path / "content").write_bytes(b"x" * size)
    os.utime(path, (time.time() - days_ago * DAYS,) * 2)
    return path


def removed(reports: list[StoreReport], store: StoreName) -> object:
    return next(each.removed for each in reports if each.store is store)


def test_the_last_app_of_a_repository_takes_its_folders_along(folder: Folder) -> None:
    first, second = folder.app("web", "shop"), folder.app("same", "other")
    left = [*folder.release(first), *folder.release(second)]
    apps.remove(folder.services, folder.who, "shop")
    projects.remove(folder.services, folder.who, "web")
    folder.cleanup().run()
    layout, key = folder.layout, key_of(REPOSITORY)
    assert [each for each in left if not each.exists()] == [
        layout.caches / key / scope_of("main", app_id=first.id),
        layout.compile_results / key / of_app("1f", first.id),
    ]
    apps.remove(folder.services, folder.who, "other")
    reports = folder.cleanup().run()
    assert [each for each in left if each.exists()] == []
    assert removed(reports, StoreName.MIRRORS) == {RemovalReason.ORPHAN: 1}
    assert not (folder.layout.workspaces / key_of(REPOSITORY)).exists()


def test_the_mirrors_of_submodules_stay_as_long_as_the_repository(folder: Folder) -> None:
    app = folder.app("web", "shop")
    folder.release(app)
    mirrors = folder.layout.mirrors
    inner = made(mirrors / mirror_name("/srv/inner.git"), 1)
    innermost = made(mirrors / mirror_name("/srv/innermost.git"), 1)
    for child, parent in ((inner, mirror_name(REPOSITORY)), (innermost, inner.name)):
        (child / PARENTS).write_text(f"{parent}\n")
        os.utime(child, (time.time() - DAYS,) * 2)
    folder.cleanup().run()
    assert inner.exists()
    assert innermost.exists()
    apps.remove(folder.services, folder.who, "shop")
    folder.cleanup().run()
    assert not inner.exists()
    assert not innermost.exists()


def test_a_running_release_keeps_the_folders_of_its_repository(folder: Folder) -> None:
    app = folder.app("web", "shop")
    _, workspace, _, cache, _, store = folder.release(app, days_ago=200)
    with shared(folder.layout.repository_lock(key_of(REPOSITORY))):
        folder.cleanup().run()
        assert all(each.exists() for each in (workspace, cache, store))
    reports = folder.cleanup().run()
    assert not any(each.exists() for each in (workspace, cache, store))
    assert removed(reports, StoreName.WORKSPACES) == {RemovalReason.AGE: 1}


def test_only_pinned_tools_and_used_runtimes_stay(folder: Folder) -> None:
    tools = folder.layout.data / "tools"
    pinned = made(driver_of(Platform.WECHAT).tool.folder(tools), 400)
    former = made(tools / "miniprogram-ci-1.0.0", 1)
    used, unused = made(tools / "node-22.1.0", 5), made(tools / "node-14.0.0", 100)
    locks = made(tools / ".locks", 100)
    reports = folder.cleanup().run()
    assert pinned.exists()
    assert used.exists()
    assert locks.exists()
    assert not former.exists()
    assert not unused.exists()
    counts = {RemovalReason.OUTDATED: 1, RemovalReason.AGE: 1}
    assert removed(reports, StoreName.TOOLS) == counts


def test_a_store_beyond_its_limit_loses_the_least_recently_used(folder: Folder) -> None:
    folder.app("web", "shop")
    key = folder.layout.caches / key_of(REPOSITORY)
    old, new = made(key / "a", 9, 700 << 10), made(key / "b", 1, 700 << 10)
    folder.cleanup(caches=1).run()
    assert new.exists()
    assert not old.exists()


def test_a_nearly_full_disk_costs_more_than_the_limits(folder: Folder) -> None:
    left = folder.release(folder.app("web", "shop"))
    folder.free[0] = (100 << 20) - 1
    cleanup = folder.cleanup(min_free=100)
    assert cleanup.is_low
    cleanup.run()
    assert [each.exists() for each in left].count(False) == 1
    folder.free[0] = 100 << 20
    assert not cleanup.is_low
