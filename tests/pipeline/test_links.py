"""No link of a tree may lead the vendor's tool out of it, not even by way of another link."""

import os
import time
from pathlib import Path

import pytest

from mprelease.domain.errors import ReleaseCanceled, StageFailed
from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.pipeline.symlinks import refuse_links_outside, refuse_outside
from mprelease.process.tree import Stop
from trees import write


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    write(tmp_path, "data/master.key", "secret")
    write(tmp_path, "tree/dist/app.json", {})
    write(tmp_path, "tree/other/a.json", {})
    return tmp_path / "tree"


def refused(tree: Path) -> ProblemDetail:
    with pytest.raises(StageFailed) as failed:
        refuse_links_outside(tree / "dist", tree)
    return failed.value.problem_detail


def test_a_link_out_of_the_tree_is_refused_and_named(tree: Path) -> None:
    (tree / "dist" / "x.json").symlink_to("../../data/master.key")
    assert refused(tree) == ProblemDetail(Problem.LINK_LEADS_OUTSIDE, {"path": "dist/x.json"})


def test_a_link_that_another_link_leads_to_is_refused(tree: Path) -> None:
    (tree / "dist" / "pages").symlink_to("../other")
    (tree / "other" / "x.json").symlink_to(tree.parent / "data" / "master.key")
    assert refused(tree) == ProblemDetail(Problem.LINK_LEADS_OUTSIDE, {"path": "other/x.json"})


@pytest.mark.parametrize("place", ["node_modules/a", ".git", "packages/.git"])
def test_no_folder_hides_a_link(tree: Path, place: str) -> None:
    (tree / "dist" / place).mkdir(parents=True)
    (tree / "dist" / place / "x").symlink_to(tree.parent / "data")
    assert refused(tree).problem is Problem.LINK_LEADS_OUTSIDE


def test_a_folder_beside_the_tree_with_a_similar_name_is_outside(tree: Path) -> None:
    (tree.parent / "tree.index").touch()
    (tree / "dist" / "x").symlink_to("../../tree.index")
    assert refused(tree).parameters == {"path": "dist/x"}


def test_a_link_that_leads_nowhere_outside_is_refused(tree: Path) -> None:
    (tree / "dist" / "project.config.json").symlink_to(tree.parent / "data" / "new")
    assert refused(tree).problem is Problem.LINK_LEADS_OUTSIDE


def test_a_link_to_a_folder_of_programs_is_refused(tree: Path) -> None:
    (tree / "dist/packages").symlink_to("/usr/bin")
    assert refused(tree) == ProblemDetail(Problem.LINK_LEADS_OUTSIDE, {"path": "dist/packages"})


def test_chains_of_links_are_followed_quickly(tree: Path) -> None:
    deep = "/".join(["d"] * 60)
    (tree / deep).mkdir(parents=True)
    (tree / deep / "0").symlink_to(f"{'../' * 60}{deep}/.")
    for number in range(1, 39):
        (tree / deep / f"{number}").symlink_to(f"{'../' * 60}{deep}/{number - 1}")
    for number in range(500):
        (tree / f"{number}").symlink_to(f"{deep}/38")
    began = time.process_time()
    refuse_links_outside(tree, tree)
    assert time.process_time() - began < 3.0


def test_looking_at_links_can_be_stopped(tree: Path) -> None:
    (tree / "link").symlink_to("dist")
    stop = Stop()
    stop.ask(ReleaseCanceled())
    with pytest.raises(ReleaseCanceled):
        refuse_links_outside(tree, tree, on_link=stop.raise_if_asked)


@pytest.mark.parametrize("target", ["/etc/passwd", "../../secret", "gone"])
def test_links_elsewhere_in_the_repository_stop_no_release(target: str, tree: Path) -> None:
    """Issue 12, number 27."""
    (tree / "docs").mkdir()
    (tree / "docs/link").symlink_to(target)
    refuse_links_outside(tree / "dist", tree)


def test_links_inside_of_the_tree_are_fine(tree: Path) -> None:
    store = tree / "node_modules/.pnpm/a@1/node_modules/a"
    store.mkdir(parents=True)
    (tree / "node_modules/a").symlink_to(".pnpm/a@1/node_modules/a")
    (tree / "dist/absolute").symlink_to(tree / "other")
    (tree / "round").symlink_to("round")
    (tree / "broken").symlink_to("nowhere")
    refuse_links_outside(tree / "dist", tree)


def test_a_link_to_where_the_build_has_seen_the_tree_stays_inside(tree: Path) -> None:
    shown = Path("/build/0123/tree")
    (tree / "dist/as-seen").symlink_to(shown / "other")
    (tree / "dist/further").symlink_to(shown / "dist/as-seen/a.json")
    refuse_links_outside(tree / "dist", tree, shown)
    (tree / "dist/out").symlink_to(shown / "../../data/master.key")
    with pytest.raises(StageFailed):
        refuse_links_outside(tree / "dist", tree, shown)


def test_a_native_module_may_leave_a_link_to_python(tree: Path) -> None:
    (tree / "dist" / "python3").symlink_to("/usr/bin/env")
    refuse_links_outside(tree / "dist", tree)


def test_a_tree_may_itself_lie_behind_a_link(tree: Path) -> None:
    other = tree.with_name("link")
    other.symlink_to(tree)
    (tree / "dist/absolute").symlink_to(tree / "other")
    refuse_links_outside(other / "dist", other)


def test_a_folder_that_is_a_link_to_outside_is_refused(tree: Path) -> None:
    (tree / "out").symlink_to(tree.parent / "data")
    with pytest.raises(StageFailed):
        refuse_outside(tree / "out" / "package-lock.json", tree)


def test_folders_too_deep_to_be_searched_are_refused(tree: Path) -> None:
    before = Path.cwd()
    os.chdir(tree / "dist")
    try:
        for _ in range(40):
            name = "d" * 200
            Path(name).mkdir()
            os.chdir(name)
        Path("x").symlink_to("/")
    finally:
        os.chdir(before)
    assert refused(tree).problem is Problem.FOLDERS_TOO_DEEP
