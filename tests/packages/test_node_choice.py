"""Which Node a repository asks for: issue 14, 5."""

from pathlib import Path

import pytest

from mprelease.packages.node_choice import NodeRequest, best, requested
from trees import write

ALL = {
    ".nvmrc": "# the team's\n\nv14.17.1  # webpack 4\n",
    ".node-version": "16.20.2\n",
    "package.json": {
        "volta": {"node": "18.20.8"},
        "devEngines": {"runtime": [{"name": "bun"}, {"name": "node", "version": "^20"}]},
        "engines": {"node": ">=22"},
    },
}
SOURCES = [
    (".nvmrc", "v14.17.1"),
    (".node-version", "16.20.2"),
    ("package.json: volta.node", "18.20.8"),
    ("package.json: devEngines", "^20"),
    ("package.json: engines.node", ">=22"),
]


def test_the_setting_of_the_app_goes_before_every_file(tmp_path: Path) -> None:
    write(tmp_path, ".nvmrc", "14")
    request = NodeRequest("lts/iron", "20", "--node", is_setting=True)
    assert requested(tmp_path, ".", "lts/iron") == request


@pytest.mark.parametrize("place", range(len(SOURCES)))
def test_the_first_file_that_names_a_node_counts(tmp_path: Path, place: int) -> None:
    package = dict(ALL["package.json"])  # type: ignore[arg-type]
    for name in (".nvmrc", ".node-version")[place:]:
        write(tmp_path, name, ALL[name])
    for name in ("volta", "devEngines", "engines")[: max(0, place - 2)]:
        del package[name]
    write(tmp_path, "package.json", package)
    source, wanted = SOURCES[place]
    assert requested(tmp_path, ".", None) == NodeRequest(wanted, wanted, source)


def test_a_folder_of_a_monorepo_takes_what_is_above_it(tmp_path: Path) -> None:
    write(tmp_path, ".nvmrc", "14")
    write(tmp_path, "apps/shop/package.json", {"engines": {"node": ">=12"}})
    assert requested(tmp_path, "apps/shop", None) == NodeRequest("14", "14", ".nvmrc")
    write(tmp_path, "apps/shop/.nvmrc", "16")
    assert requested(tmp_path, "apps/shop", None) == NodeRequest("16", "16", ".nvmrc")


def test_nothing_outside_of_the_repository_counts(tmp_path: Path) -> None:
    write(tmp_path, ".nvmrc", "14")
    tree = tmp_path / "tree"
    write(tree, "package.json", {"name": "a"})
    (tree / ".node-version").symlink_to(tmp_path / ".nvmrc")
    assert requested(tree, ".", None) is None


@pytest.mark.parametrize("wanted", ["the newest", [], {}, None, True, "x" * 5000])
def test_a_recommendation_that_cannot_be_understood_is_skipped(
    tmp_path: Path, wanted: object
) -> None:
    write(tmp_path, "package.json", {"engines": {"node": wanted}})
    assert requested(tmp_path, ".", None) is None


def test_a_version_file_that_cannot_be_understood_is_not_skipped(tmp_path: Path) -> None:
    write(tmp_path, ".nvmrc", "lts/galium")
    write(tmp_path, "package.json", {"engines": {"node": "16"}})
    assert requested(tmp_path, ".", None) == NodeRequest("lts/galium", None, ".nvmrc")


def test_a_range_takes_the_newest_version_with_long_term_support() -> None:
    versions = ["14.2.0", "14.21.3", "16.20.2", "17.9.1", "23.11.1"]
    assert best(versions, ">=14") == "16.20.2"
    assert best(versions, "14 || 17") == "14.21.3"
    assert best(versions, ">=17") == "23.11.1"
    assert best(versions, "15") is None
