"""Where things lie, and who owns them."""

from pathlib import Path

import pytest

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.workspace.layout import Layout, prepared
from mprelease.workspace.owner_lock import owning


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return prepared(tmp_path / "data")


def test_a_repository_has_the_same_workspace_each_time(layout: Layout) -> None:
    first = layout.workspace("/srv/shop.git", 1, constant=False)
    assert layout.workspace("/srv/shop.git", 1, constant=False) == first
    assert layout.workspace("/srv/shop.git", 2, constant=False) != first
    assert layout.workspace("/srv/other.git", 1, constant=False) != first


def test_the_address_of_a_repository_is_in_no_path(layout: Layout) -> None:
    url = "https://git.example.com/shop.git"
    assert "shop" not in str(layout.workspace(url, 1, constant=False).tree)
    assert "shop" not in str(layout.workspace(url, 1, constant=True).shown)


def modes_on_the_way(layout: Layout) -> set[int]:
    folder = layout.workspace("/srv/shop.git", 1, constant=False).folder
    ours = [each for each in folder.parents if each.is_relative_to(layout.data)]
    assert folder.stat().st_mode & 0o777 == 0o700
    return {each.stat().st_mode & 0o777 for each in ours}


def test_the_way_to_a_workspace_is_closed_to_others(layout: Layout) -> None:
    assert modes_on_the_way(layout) == {0o700}


def test_where_it_must_be_others_may_walk_to_a_workspace_and_list_nothing(layout: Layout) -> None:
    assert modes_on_the_way(layout.walkable()) == {0o711}
    assert layout.mirrors.stat().st_mode & 0o777 == 0o700
    assert layout.scratch("one").stat().st_mode & 0o777 == 0o700


def test_a_command_that_opens_the_data_folder_leaves_the_way_of_running_builds_open(
    layout: Layout,
) -> None:
    walked = layout.walkable()
    prepared(layout.data)
    assert modes_on_the_way(walked) == {0o711}
    assert layout.managers.stat().st_mode & 0o777 == 0o711


def test_a_worker_that_has_mounts_closes_the_way_of_one_that_had_none(layout: Layout) -> None:
    layout.walkable()
    assert modes_on_the_way(prepared(layout.data).private()) == {0o700}
    assert layout.managers.stat().st_mode & 0o777 == 0o700


def test_a_data_folder_that_others_could_list_is_closed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o755)
    assert prepared(data).data.stat().st_mode & 0o777 == 0o700


def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(Refused) as refused:
        prepared(tmp_path / "data")
    assert refused.value.problem_detail.problem is Problem.DATA_FOLDER_UNUSABLE


def test_a_data_folder_has_one_owner_at_a_time(layout: Layout) -> None:
    with owning(layout) as mine:
        assert mine
        with owning(layout) as also_mine:
            assert not also_mine
    with owning(layout) as mine_again:
        assert mine_again


def test_the_new_owner_clears_what_an_earlier_life_left(layout: Layout) -> None:
    (layout.scratch("seven") / "half-finished").write_text("")
    layout.install_place("/srv/shop.git", "0" * 64, constant=False)
    with owning(layout):
        assert not (layout.data / "scratch").exists()
        assert not (layout.data / "installs").exists()


def test_the_new_owner_removes_what_former_versions_shared_between_builds(layout: Layout) -> None:
    workspace = layout.workspace("/srv/shop.git", 1, constant=False)
    for old in ("home-production", "home-development"):
        (workspace.folder / old).mkdir()
        (workspace.folder / old / ".npmrc").write_text("node-options=--require=/evil.js")
    (workspace.folder / "dependencies.json").write_text("{}")
    (layout.data / "dependencies" / "0123").mkdir(parents=True)
    layout.database.write_text("releases")
    with owning(layout):
        assert list(workspace.folder.iterdir()) == []
        assert not (layout.data / "dependencies").exists()
        assert layout.database.read_text() == "releases"


def test_a_volume_of_somebody_else_is_used_as_it_is(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kubernetes gives an ordinary user an empty folder that belongs to root."""
    layout.data.chmod(0o777)
    monkeypatch.setattr("os.geteuid", lambda: 10001)
    prepared(layout.data)
    assert layout.data.stat().st_mode & 0o777 == 0o777
