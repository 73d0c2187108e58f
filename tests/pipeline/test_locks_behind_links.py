"""A lock file is written in the place of the install, wherever a command has laid links."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.pipeline.install_registries import write_lock


def test_a_lock_file_is_not_written_where_an_install_has_laid_a_link(tmp_path: Path) -> None:
    tree, outside = tmp_path / "tree", tmp_path / "outside"
    (tree / "packages").mkdir(parents=True)
    outside.mkdir()
    (outside / "package-lock.json").write_text("precious")
    (tree / "packages/app").symlink_to(outside)
    commands: Any = SimpleNamespace(place=SimpleNamespace(tree=tree), user=None)
    with pytest.raises(StageFailed) as failed:
        write_lock(commands, tree / "packages/app/package-lock.json", "evil")
    assert failed.value.problem_detail.problem is Problem.LINK_LEADS_OUTSIDE
    assert (outside / "package-lock.json").read_text() == "precious"
