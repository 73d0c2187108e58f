"""What a cleanup removes from a store: the least recently used first, never what is in use."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mprelease.domain.stores import RemovalReason, StoreName
from mprelease.workspace.disk_stores import Cleaner, DiskStore
from mprelease.workspace.repository_lock import exclusive, shared

NOW = 2_000_000_000.0
KIB = 1024
DAY = 86_400.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "store"
    made.mkdir()
    return made


def entry(folder: Path, name: str, days_ago: float, size: int = 64 * KIB) -> Path:
    made = folder / name
    made.mkdir()
    (made / "content").write_bytes(os.urandom(size))
    os.utime(made, (NOW - days_ago * DAY, NOW - days_ago * DAY))
    return made


def cleaner(folder: Path, **more: object) -> Cleaner:
    return Cleaner(folder.parent / "trash", now=NOW, **more)  # type: ignore[arg-type]


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def test_beyond_its_limit_a_store_loses_what_was_not_used_for_longest(folder: Path) -> None:
    for name, days in (("new", 1), ("oldest", 9), ("old", 5)):
        entry(folder, name, days)
    store = DiskStore(StoreName.CACHES, folder, "*", limit=150 * KIB)
    [report] = cleaner(folder).clean([store])
    assert names(folder) == {"new", "old"}
    assert report.removed == {RemovalReason.LIMIT: 1}
    assert report.items == 3
    assert 64 * KIB <= report.removed_size < 100 * KIB
    assert list((folder.parent / "trash").iterdir()) == []


def test_a_dry_run_reports_the_same_and_removes_nothing(folder: Path) -> None:
    for name, days in (("new", 1), ("oldest", 200), ("old", 5)):
        entry(folder, name, days)
    store = DiskStore(StoreName.CACHES, folder, "*", limit=80 * KIB, unused=90 * DAY)
    counted = cleaner(folder, is_dry_run=True).clean([store])
    assert names(folder) == {"new", "old", "oldest"}
    assert counted == cleaner(folder).clean([store])
    assert counted[0].removed == {RemovalReason.AGE: 1, RemovalReason.LIMIT: 1}
    assert names(folder) == {"new"}


def test_what_is_in_use_stays_and_the_next_one_is_removed_instead(folder: Path) -> None:
    used, other = entry(folder, "used", 9), entry(folder, "other", 5)
    entry(folder, "new", 1)

    @contextmanager
    def lock(path: Path) -> Iterator[bool]:
        with exclusive(folder.parent / f"{path.name}.lock") as is_unused:
            yield is_unused

    store = DiskStore(StoreName.WORKSPACES, folder, "*", limit=150 * KIB, lock=lock)
    with shared(folder.parent / "used.lock"):
        cleaner(folder).clean([store])
    assert used.exists()
    assert not other.exists()


def test_what_was_used_just_now_stays_even_if_no_app_uses_it(folder: Path) -> None:
    entry(folder, "fresh", 60 / DAY)
    entry(folder, "foreign", 1)
    store = DiskStore(StoreName.MIRRORS, folder, "*", limit=1, is_superfluous=lambda _: True)
    [report] = cleaner(folder).clean([store])
    assert names(folder) == {"fresh"}
    assert report.removed == {RemovalReason.ORPHAN: 1}


def test_a_nearly_full_disk_costs_the_least_recently_used_of_all_stores(tmp_path: Path) -> None:
    stores = []
    for name, days in (("first", 8), ("second", 3)):
        (tmp_path / name).mkdir()
        entry(tmp_path / name, "old", days)
        entry(tmp_path / name, "new", 1)
        stores.append(DiskStore(StoreName.CACHES, tmp_path / name, "*"))
    reports = Cleaner(tmp_path / "trash", needed=100 * KIB, now=NOW).clean(stores)
    assert [each.removed for each in reports] == [{RemovalReason.LOW_DISK: 1}] * 2
    assert names(tmp_path / "first") == names(tmp_path / "second") == {"new"}


def test_leftovers_of_interrupted_operations_are_removed_after_a_day(folder: Path) -> None:
    entry(folder, ".draft-1", 2)
    entry(folder, ".draft-2", 0.5)
    [report] = cleaner(folder).clean([DiskStore(StoreName.CACHES, folder, "*")])
    assert names(folder) == {".draft-2"}
    assert report.removed == {RemovalReason.LEFTOVER: 1}


def test_a_sealed_folder_can_be_removed(folder: Path) -> None:
    sealed = entry(folder, "set", 9)
    sealed.chmod(0o555)
    cleaner(folder).clean([DiskStore(StoreName.DEPENDENCY_SETS, folder, "*", unused=DAY)])
    assert names(folder) == set()


def test_files_with_two_names_count_once(folder: Path) -> None:
    first, second = entry(folder, "a", 2), entry(folder, "b", 1)
    os.link(first / "content", second / "same")
    store = DiskStore(StoreName.WORKSPACES, folder, "*")
    assert sum(item.size for item in store.items()) < 3 * 64 * KIB


def test_a_cleanup_ends_when_its_worker_ends(folder: Path) -> None:
    entry(folder, "old", 9)
    store = DiskStore(StoreName.CACHES, folder, "*", limit=1)
    cleaner(folder, goes_on=lambda: False).clean([store])
    assert names(folder) == {"old"}
