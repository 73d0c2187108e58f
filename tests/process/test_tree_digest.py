"""The digest of a folder changes with every name, content and link in it, and with nothing else."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mprelease.process.tree_digest import tree_digest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "tree"
    (place / "pages" / "empty").mkdir(parents=True)
    (place / "app.js").write_text("App({})")
    (place / "pages" / "a.js").write_text("Page({})")
    (place / "pages" / "b.js").symlink_to("a.js")
    return place


def test_a_copy_at_another_time_has_the_same_digest(folder: Path, tmp_path: Path) -> None:
    before = tree_digest(folder)
    os.utime(folder / "app.js", (1, 1))
    (folder / "app.js").chmod(0o600)
    assert tree_digest(folder) == before
    shutil.copytree(folder, tmp_path / "copy", symlinks=True)
    assert tree_digest(tmp_path / "copy") == before


CHANGES: list[Callable[[Path], object]] = [
    lambda folder: (folder / "app.js").write_text("App([])"),
    lambda folder: (folder / "app.js").rename(folder / "app.ts"),
    lambda folder: (folder / "pages" / "a.js").rename(folder / "a.js"),
    lambda folder: (folder / "pages" / "empty").rmdir(),
    lambda folder: (folder / "pages" / "empty").rename(folder / "empty"),
    lambda folder: (folder / "pages" / "b.js").unlink(),
    lambda folder: (
        (folder / "pages" / "b.js").unlink(),
        (folder / "pages" / "b.js").symlink_to("c.js"),
    ),
    lambda folder: (
        (folder / "pages" / "b.js").unlink(),
        (folder / "pages" / "b.js").write_text("Page({})"),
    ),
    lambda folder: (folder / "pages" / "a.json").write_text(""),
]


@pytest.mark.parametrize("number", range(len(CHANGES)))
def test_any_change_changes_it(number: int, folder: Path) -> None:
    before = tree_digest(folder)
    CHANGES[number](folder)
    assert tree_digest(folder) != before


def test_files_of_a_store_count_by_identity(folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    for name in ("one", "two"):
        store.mkdir(exist_ok=True)
        (store / name).write_text("the same")
        os.utime(store / name, (1, 1))
    kept = folder / "kept"
    kept.hardlink_to(store / "one")
    before = tree_digest(folder)
    assert tree_digest(folder) == before
    assert before.has_linked_files
    kept.unlink()
    assert not tree_digest(folder).has_linked_files
    kept.hardlink_to(store / "two")
    assert tree_digest(folder) != before


def test_names_that_are_no_text_are_counted(folder: Path) -> None:
    before = tree_digest(folder)
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe")).write_text("x")
    assert tree_digest(folder) != before


def test_it_can_be_aborted(folder: Path) -> None:
    def abort() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        tree_digest(folder, abort)
