"""The versions of package managers that are kept."""

import os
from pathlib import Path

from mprelease.pipeline.package_managers import drop_oldest


def test_versions_that_nobody_has_used_for_long_do_not_fill_the_disk(tmp_path: Path) -> None:
    for number in range(40):
        folder = tmp_path / f"npm-{number}"
        (folder / "node_modules").mkdir(parents=True)
        os.utime(folder, (number + 1, number + 1))
    drop_oldest(tmp_path, now=100_000)
    assert {path.name for path in tmp_path.iterdir()} == {f"npm-{n}" for n in range(16, 40)}


def test_a_version_that_a_release_may_use_stays(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"npm-{number}").mkdir()
        os.utime(tmp_path / f"npm-{number}", (number + 1, number + 1))
    drop_oldest(tmp_path, now=1000)
    assert len(list(tmp_path.iterdir())) == 40
