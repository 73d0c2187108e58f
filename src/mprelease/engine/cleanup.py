"""Clean the data folder of a worker: each of its stores, and what may be removed from it."""

import shutil
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from mprelease.domain.stores import RemovalReason, StoreName, StoreReport
from mprelease.platforms.registry import driver_of, served
from mprelease.process.removal import remove
from mprelease.services import retention
from mprelease.services.context import ServiceContext
from mprelease.services.retention import Retention
from mprelease.settings.settings import Settings
from mprelease.source.mirror import needed_mirrors
from mprelease.storage import projects, workers
from mprelease.storage.database import Database
from mprelease.workspace.artifacts import unused
from mprelease.workspace.disk_stores import Cleaner, DiskStore
from mprelease.workspace.layout import Layout, app_of, key_of
from mprelease.workspace.repository_lock import exclusive
from mprelease.workspace.retention import IN_USE_SECONDS

_MEBI = 1 << 20
_DAY = 86_400
_HOUR = 3600.0
_NODE, _LOCKS = "node-", ".locks"


@dataclass(frozen=True)
class DiskLimits:
    """Sizes in MiB by store, and days without use; 0 means any.

    `min_free` is the free space in MiB below which no release starts, and more is removed.
    """

    sizes: dict[StoreName, int]
    unused_days: int
    min_free: int


@dataclass(frozen=True)
class DiskCleanup:
    """The stores of one data folder, and their cleanup; times are in seconds since the epoch."""

    database: Database
    layout: Layout
    limits: DiskLimits
    free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free
    clock: Callable[[], float] = time.time

    @property
    def is_low(self) -> bool:
        """Return whether less of the disk is free than releases need."""
        return self._missing() > 0

    def run(
        self,
        *,
        is_dry_run: bool = False,
        goes_on: Callable[[], bool] = lambda: True,
    ) -> list[StoreReport]:
        """Clean the stores, or only find out what would be removed; return a report of each.

        It ends early when `goes_on` returns False. Only for the owner of the data folder, except
        for a dry run.
        """
        with self.database.reading() as db:
            repositories, app_ids = projects.in_use(db)
        cleaner = Cleaner(
            self.layout.trash,
            is_dry_run,
            max(0, self._missing()),
            self.clock(),
            goes_on,
        )
        reports = cleaner.clean(self.stores(repositories, app_ids))
        if not is_dry_run:
            self._remove_empty_folders({key_of(url) for url in repositories})
        return reports

    def stores(self, repositories: Collection[str], app_ids: Collection[int]) -> list[DiskStore]:
        """Return the stores; what belongs to other repositories and apps is superfluous."""
        layout, keys = self.layout, {key_of(url) for url in repositories}
        mirrors = needed_mirrors(layout.mirrors, repositories)

        def is_foreign(path: Path) -> bool:
            return path.parent.name not in keys

        def is_foreign_or_of_no_app(path: Path) -> bool:
            app_id = app_of(path.name)
            return is_foreign(path) or (app_id is not None and app_id not in app_ids)

        of_repository = {"lock": self._repository_lock, "is_superfluous": is_foreign}
        return [
            self._store(
                StoreName.MIRRORS,
                layout.mirrors,
                "*.git",
                # Longer than a checkout, which also reads mirrors without their lock.
                recent=_HOUR,
                lock=_mirror_lock,
                is_superfluous=lambda path: path.name not in mirrors,
            ),
            self._store(StoreName.WORKSPACES, layout.workspaces, "*/*", **of_repository),
            self._store(
                StoreName.DEPENDENCY_SETS,
                layout.dependency_sets,
                "*/*",
                lock=_set_lock,
                is_superfluous=is_foreign,
            ),
            self._store(
                StoreName.ARTIFACTS,
                layout.artifacts,
                "*/*",
                lock=unused,
                is_superfluous=is_foreign,
            ),
            self._store(
                StoreName.CACHES,
                layout.caches,
                "*/*",
                lock=self._repository_lock,
                is_superfluous=is_foreign_or_of_no_app,
            ),
            self._store(StoreName.PACKAGE_STORES, layout.stores, "*/*", **of_repository),
            self._store(
                StoreName.COMPILE_RESULTS,
                layout.compile_results,
                "*/*",
                is_superfluous=is_foreign_or_of_no_app,
            ),
            self._store(StoreName.MANAGERS, layout.managers, "*", recent=IN_USE_SECONDS),
            self._tool_store(),
        ]

    def _store(self, name: StoreName, folder: Path, pattern: str, **more: object) -> DiskStore:
        size, days = self.limits.sizes.get(name, 0), self.limits.unused_days
        return DiskStore(
            name,
            folder,
            pattern,
            size * _MEBI if size else None,
            days * _DAY if days else None,
            **more,  # type: ignore[arg-type]
        )

    def _tool_store(self) -> DiskStore:
        """Return the store of tools and runtimes; a tools folder elsewhere may serve others."""
        folder = self.layout.runtimes
        pinned = {driver_of(platform).tool.folder(folder).name for platform in served()}

        @contextmanager
        def lock(path: Path) -> Iterator[bool]:
            yield path.name not in {*pinned, _LOCKS}

        return self._store(
            StoreName.TOOLS,
            folder,
            "*",
            recent=IN_USE_SECONDS,
            lock=lock,
            is_superfluous=lambda path: path.name not in pinned and not _is_runtime(path),
            reason=RemovalReason.OUTDATED,
        )

    @contextmanager
    def _repository_lock(self, path: Path) -> Iterator[bool]:
        with exclusive(self.layout.repository_lock(path.parent.name)) as is_unused:
            yield is_unused

    def _missing(self) -> int:
        return self.limits.min_free * _MEBI - self.free(self.layout.data)

    def _remove_empty_folders(self, keys: Collection[str]) -> None:
        """Remove what is left of repositories that no app uses: locks, and empty folders."""
        layout = self.layout
        folders = (
            *(layout.workspaces, layout.dependency_sets, layout.caches, layout.stores),
            *(layout.artifacts, layout.compile_results),
        )
        for folder in (each for one in folders for each in one.glob("*")):
            if folder.name in keys or not folder.is_dir():
                continue
            with exclusive(layout.repository_lock(folder.name)) as is_unused:
                if is_unused and all(each.suffix == ".lock" for each in folder.iterdir()):
                    remove(folder)


@dataclass(frozen=True)
class WorkerCleanup:
    """The cleanup of a worker: its data folder and, by the first of all workers, the database."""

    services: ServiceContext
    disk: DiskCleanup
    retention: Retention
    worker: str

    @property
    def is_low(self) -> bool:
        """Return whether less of the disk is free than releases need."""
        return self.disk.is_low

    def run_all(self, *, is_dry_run: bool = False) -> list[StoreReport]:
        """Clean data folder and database, whichever worker is the first, or only count."""
        stored = retention.clean(self.services, self.retention, is_dry_run=is_dry_run)
        return [*self.disk.run(is_dry_run=is_dry_run), *stored]

    def run(self, *, goes_on: Callable[[], bool] = lambda: True) -> list[StoreReport]:
        """Clean, and store the reports; end early when `goes_on` returns False."""
        reports = self.disk.run(goes_on=goes_on)
        with self.services.database.reading() as db:
            is_first = workers.is_first(db, self.worker)
        if is_first:
            reports += retention.clean(self.services, self.retention, goes_on=goes_on)
        with self.services.database.writing() as db:
            workers.report_stores(db, self.worker, [asdict(each) for each in reports])
        return reports


def worker_cleanup(
    services: ServiceContext, layout: Layout, settings: Settings, worker: str
) -> WorkerCleanup:
    """Return the cleanup of a worker with the limits of the settings."""
    sizes = {
        StoreName.MIRRORS: settings.keep_mirrors,
        StoreName.WORKSPACES: settings.keep_workspaces,
        StoreName.DEPENDENCY_SETS: settings.keep_dependency_sets,
        StoreName.ARTIFACTS: settings.keep_artifacts,
        StoreName.CACHES: settings.keep_caches,
        StoreName.PACKAGE_STORES: settings.keep_package_stores,
        StoreName.COMPILE_RESULTS: settings.keep_compile_results,
        StoreName.MANAGERS: settings.keep_managers,
        StoreName.TOOLS: settings.keep_tools,
    }
    limits = DiskLimits(sizes, settings.keep_unused, settings.min_free_disk)
    kept = Retention(
        settings.keep_release_days,
        settings.keep_releases,
        settings.keep_log_days,
        settings.keep_qr_code_days,
    )
    return WorkerCleanup(services, DiskCleanup(services.database, layout, limits), kept, worker)


def _is_runtime(path: Path) -> bool:
    return path.name.startswith(_NODE)


@contextmanager
def _mirror_lock(path: Path) -> Iterator[bool]:
    with exclusive(path.with_suffix(".lock")) as is_unused:
        yield is_unused


@contextmanager
def _set_lock(path: Path) -> Iterator[bool]:
    with suppress(FileNotFoundError), exclusive(path.with_name(f"{path.name}.lock")) as is_unused:
        yield is_unused
