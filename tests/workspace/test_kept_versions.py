"""The versions of package managers and of Node that are kept."""

import os
from pathlib import Path

from mprelease.workspace.retention import drop_oldest
from trees import write


def test_versions_that_nobody_has_used_for_long_do_not_fill_the_disk(tmp_path: Path) -> None:
    for number in range(40):
        folder = tmp_path / f"npm-{number}"
        (folder / "node_modules").mkdir(parents=True)
        os.utime(folder, (number + 1, number + 1))
    drop_oldest(tmp_path, 24, now=100_000)
    assert {path.name for path in tmp_path.iterdir()} == {f"npm-{n}" for n in range(16, 40)}


def test_a_version_that_a_release_may_use_stays(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"npm-{number}").mkdir()
        os.utime(tmp_path / f"npm-{number}", (number + 1, number + 1))
    drop_oldest(tmp_path, 24, now=1000)
    assert len(list(tmp_path.iterdir())) == 40


def test_tools_in_the_same_folder_do_not_count(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path, f"node-{number}/bin/node")
        (tmp_path / f"tool-{number}").mkdir()
        for name in ("node", "tool"):
            os.utime(tmp_path / f"{name}-{number}", (number + 1, number + 1))
    drop_oldest(tmp_path, 1, now=100_000, holding="bin/node")
    kept = {"node-2", "tool-0", "tool-1", "tool-2"}
    assert {path.name for path in tmp_path.iterdir()} == kept
