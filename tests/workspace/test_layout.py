"""Where things lie, and who owns them."""

from pathlib import Path

import pytest

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.workspace.layout import Layout, prepared
from mprelease.workspace.ownership import owning


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return prepared(tmp_path / "data")


def test_a_repository_has_the_same_workspace_each_time(layout: Layout) -> None:
    first = layout.workspace("/srv/shop.git", 1)
    assert layout.workspace("/srv/shop.git", 1) == first
    assert layout.workspace("/srv/shop.git", 2) != first
    assert layout.workspace("/srv/other.git", 1) != first


def test_the_address_of_a_repository_is_in_no_path(layout: Layout) -> None:
    assert "shop" not in str(layout.workspace("https://git.example.com/shop.git", 1).tree)


def test_others_may_walk_to_a_workspace_and_see_nothing_else(layout: Layout) -> None:
    workspace = layout.workspace("/srv/shop.git", 1)
    on_the_way = [workspace.folder, *workspace.folder.parents]
    ours = [folder for folder in on_the_way if folder.is_relative_to(layout.data)]
    assert {folder.stat().st_mode & 0o777 for folder in ours} == {0o711}
    assert layout.mirrors.stat().st_mode & 0o777 == 0o700
    assert layout.scratch("one").stat().st_mode & 0o777 == 0o700


def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(Refused) as refused:
        prepared(tmp_path / "data")
    assert refused.value.trouble.problem is Problem.DATA_FOLDER_UNUSABLE


def test_a_data_folder_has_one_owner_at_a_time(layout: Layout) -> None:
    with owning(layout) as mine:
        assert mine
        with owning(layout) as also_mine:
            assert not also_mine
    with owning(layout) as mine_again:
        assert mine_again


def test_the_new_owner_clears_what_an_earlier_life_left(layout: Layout) -> None:
    (layout.scratch("seven") / "half-finished").write_text("")
    with owning(layout):
        assert not (layout.data / "scratch").exists()
