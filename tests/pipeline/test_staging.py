"""What the vendor's tool gets is a copy: complete, and nothing that it does there comes back."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import pytest

from mprelease.domain.errors import ReleaseCanceled, StageFailed
from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.pipeline.plain_content import refuse_pointers, replace_links
from mprelease.pipeline.staging import Staging, staged
from mprelease.process.copying import CopyTooLarge
from mprelease.process.tree import Stop
from mprelease.workspace.dependency_sets import DependencySet, DependencySets, inputs_of
from trees import write

SHOWN = Path("/build/0123/tree")


class Copied(Protocol):
    """Hands a built folder of the tree over, and returns where the copy lies."""

    def __call__(self, built: Path, *, with_modules: bool) -> Path: ...


def filled(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        write(folder, name, text)
    return folder


def contents(folder: Path) -> Mapping[str, str]:
    """Every file below a folder, links to files too, folders by link not."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in files}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return filled(
        tmp_path / "tree",
        {
            ".git/config": "ours",
            "dist/app.js": "App({})",
            "dist/pages/a/a.wxml": "<view/>",
            "packages/shared/index.js": "shared",
            "node_modules/dep/index.js": "dep",
        },
    )


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.fixture
def sets(tmp_path: Path) -> DependencySets:
    return DependencySets(tmp_path / "sets")


@pytest.fixture
def dependencies(tree: Path, sets: DependencySets) -> DependencySet:
    """What the tree's build has seen in node_modules, which is empty on the machine."""
    sets.folder.mkdir()
    found = sets.seal("a", tree, inputs_of(tree), maker=None, locks=())
    (tree / "node_modules").mkdir()
    return found


@pytest.fixture
def copied(tree: Path, scratch: Path, dependencies: DependencySet) -> Copied:
    def of(built: Path, *, with_modules: bool) -> Path:
        return staged(
            Staging(built, (built,), tree, SHOWN, dependencies, (".",) if with_modules else ()),
            scratch,
            Stop(),
        )

    return of


def test_the_built_folder_is_copied_with_all_it_holds(
    tree: Path, scratch: Path, copied: Copied
) -> None:
    (tree / "dist" / "empty").mkdir()
    parcel = copied(tree / "dist", with_modules=False)
    assert parcel.is_relative_to(scratch)
    assert contents(parcel) == {"app.js": "App({})", "pages/a/a.wxml": "<view/>"}
    assert (parcel / "empty").is_dir()


def test_nothing_that_is_done_to_the_copy_is_done_to_the_tree(
    tree: Path, scratch: Path, copied: Copied
) -> None:
    built = tree / "dist" / "app.js"
    before = built.stat()
    parcel = copied(tree / "dist", with_modules=False)
    with (parcel / "app.js").open("r+") as stream:
        stream.write("changed")
    (parcel / "project.config.json").write_text("{}")
    assert contents(tree / "dist") == {"app.js": "App({})", "pages/a/a.wxml": "<view/>"}
    # By the change time, git and the kept dependencies tell what was touched.
    after = built.stat()
    assert (before.st_ctime_ns, before.st_nlink) == (after.st_ctime_ns, after.st_nlink)


def test_version_control_and_dependencies_stay_where_they_are(tree: Path, copied: Copied) -> None:
    parcel = copied(tree, with_modules=False)
    assert contents(parcel).keys() == {
        "dist/app.js",
        "dist/pages/a/a.wxml",
        "packages/shared/index.js",
    }


def test_modules_that_the_commit_itself_has_are_published_as_they_are(
    tree: Path, copied: Copied
) -> None:
    write(tree, "dist/node_modules/own/index.js", "own")
    assert contents(copied(tree / "dist", with_modules=False))["node_modules/own/index.js"] == "own"


def test_dependencies_are_second_names_that_the_tool_cannot_change(
    tree: Path, copied: Copied, dependencies: DependencySet
) -> None:
    parcel = copied(tree / "dist", with_modules=True)
    lent = parcel.parent / "node_modules/dep/index.js"
    assert lent.samefile(dependencies.modules_at(0) / "dep/index.js")
    assert lent.stat().st_uid == os.getuid()
    assert (parcel / "app.js").stat().st_nlink == 1


def test_dependencies_of_a_workspace_still_resolve(
    tree: Path, scratch: Path, sets: DependencySets
) -> None:
    app = filled(tree / "apps" / "shop", {"package.json": "{}"})
    store = filled(tree / "node_modules" / ".pnpm" / "x@1" / "node_modules" / "x", {"i.js": "x"})
    (app / "node_modules").mkdir()
    (app / "node_modules" / "x").symlink_to(os.path.relpath(store, app / "node_modules"))
    (app / "node_modules" / "shared").symlink_to("../../../packages/shared")
    found = sets.seal("b", tree, inputs_of(tree), maker=None, locks=())
    parcel = staged(Staging(app, (app,), tree, SHOWN, found, (".",)), scratch, Stop())
    assert (parcel / "node_modules" / "x" / "i.js").read_text() == "x"
    shared = parcel / "node_modules" / "shared" / "index.js"
    assert shared.read_text() == "shared"
    assert shared.resolve().is_relative_to(scratch)


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("dist/near", "pages/a"),
        ("dist/pages/up", "../app.js"),
        ("dist/far", "../packages/shared"),
        ("dist/absolute", "{tree}/dist/pages"),
        ("dist/as-seen", "/build/0123/tree/dist/pages"),
        ("dist/seen-far", "/build/0123/tree/packages/shared"),
        ("dist/hop", "../hop"),
        ("dist/module", "../node_modules/dep"),
        ("dist/nowhere", "gone.js"),
    ],
)
def test_a_link_leads_to_the_same_content_in_the_copy(
    link: str, target: str, tree: Path, scratch: Path, copied: Copied
) -> None:
    (tree / "hop").symlink_to("dist/app.js")
    plain = contents(tree / "dist")
    (tree / link).symlink_to(target.format(tree=tree))
    parcel = copied(tree / "dist", with_modules=False)
    there = parcel / Path(link).relative_to("dist")
    assert there.resolve().is_relative_to(scratch)
    assert contents(parcel).items() >= plain.items()
    assert there.exists() is (link != "dist/nowhere")
    assert not there.is_symlink()


@pytest.mark.parametrize("target", ["/etc/passwd", "../../secret", "../../../tree-2/x"])
def test_a_link_out_of_the_tree_is_refused(
    target: str, tree: Path, copied: Copied, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("key")
    (tree / "dist" / "stolen.js").symlink_to(target)
    with pytest.raises(StageFailed) as failed:
        copied(tree / "dist", with_modules=False)
    assert failed.value.problem_detail.problem is Problem.LINK_LEADS_OUTSIDE


@pytest.mark.parametrize("target", ["{outside}", "/usr/bin", "../../outside"])
def test_no_dependency_is_laid_behind_a_link_that_a_build_has_put_on_its_way(
    target: str, tree: Path, scratch: Path, sets: DependencySets, tmp_path: Path
) -> None:
    write(tree, "packages/shared/node_modules/planted/index.js", "planted")
    found = sets.seal("b", tree, inputs_of(tree), maker=None, locks=())
    outside = tmp_path / "outside"
    outside.mkdir()
    # Below a mount a folder can still be renamed, with the mount in it.
    (tree / "packages" / "shared").rename(tree / "packages" / "moved")
    (tree / "packages" / "shared").symlink_to(target.format(outside=outside))
    with pytest.raises(StageFailed) as failed:
        staged(Staging(tree, (tree,), tree, SHOWN, found, (".",)), scratch, Stop())
    assert failed.value.problem_detail.problem is Problem.LINK_LEADS_OUTSIDE
    assert list(outside.iterdir()) == []
    assert not Path("/usr/bin/node_modules").exists()


def test_the_files_of_linked_folders_arrive_as_files(tree: Path, copied: Copied) -> None:
    """Issue 12, number 14: the tools publish no files behind links."""
    (tree / "packages/shared/inner").symlink_to("../../dist/pages/a")
    (tree / "packages/shared/round").symlink_to("..")
    (tree / "dist/shared").symlink_to("../packages/shared")
    (tree / "dist/again").symlink_to("shared")
    (tree / "dist/pages/above").symlink_to("..")
    parcel = copied(tree / "dist", with_modules=False)
    for name in ("shared", "again"):
        assert (parcel / name / "index.js").read_text() == "shared"
        assert (parcel / name / "inner/a.wxml").read_text() == "<view/>"
    links = [path for path in parcel.rglob("*") if path.is_symlink()]
    assert links == [parcel / "pages/above"], "it leads to a folder around itself"


def test_links_that_multiply_what_they_hold_are_refused(tree: Path) -> None:
    """Issue 12, number 14."""
    for level in range(20):
        (tree / f"dist/{level}").mkdir()
        for name in "ab":
            (tree / f"dist/{level}/{name}").symlink_to(f"../{level + 1}")
    write(tree, "dist/20/x.js", "x")
    with pytest.raises(StageFailed) as failed:
        replace_links(tree / "dist", tree, Stop(), most=100)
    assert failed.value.problem_detail.problem is Problem.LINKS_ENDLESS


@pytest.mark.parametrize("target", ["/etc/passwd", "../../secret", "gone", "/nowhere/at/all"])
@pytest.mark.parametrize("with_modules", [False, True])
def test_a_link_elsewhere_in_the_repository_concerns_nobody(
    *, target: str, with_modules: bool, tree: Path, copied: Copied, scratch: Path
) -> None:
    """Issue 12, number 27."""
    write(tree, "docs/a.md")
    (tree / "docs/link").symlink_to(target)
    (tree / "dist/far").symlink_to("../packages/shared")
    parcel = copied(tree / "dist", with_modules=with_modules)
    assert contents(parcel)["app.js"] == "App({})"
    left = [path for path in scratch.rglob("*") if path.is_symlink()]
    assert all(path.resolve().is_relative_to(scratch) for path in left)


def test_a_link_that_leads_out_by_way_of_another_one_is_not_in_the_copy(
    tree: Path, copied: Copied, scratch: Path
) -> None:
    """Issue 12, number 27: by its words it stays inside, and nothing published names it."""
    (tree / "a/b/c").mkdir(parents=True)
    (tree / "a/b/c/up").symlink_to("../../..")
    (tree / "a/b/c/out").symlink_to("up/../../../secret")
    parcel = copied(tree / "dist", with_modules=True)
    assert not (parcel.parent / "a/b/c/out").is_symlink()
    assert (parcel.parent / "a/b/c/up").is_symlink()


@pytest.mark.parametrize("with_modules", [False, True])
def test_a_link_out_of_the_tree_counts_where_a_published_one_leads_to_it(
    *, with_modules: bool, tree: Path, copied: Copied
) -> None:
    """Issue 12, number 27."""
    (tree / "packages/shared/x.js").symlink_to("../../../secret")
    (tree / "dist/far").symlink_to("../packages/shared")
    with pytest.raises(StageFailed) as failed:
        copied(tree / "dist", with_modules=with_modules)
    assert failed.value.problem_detail.parameters == {"path": "packages/shared/x.js"}


def test_pointers_of_git_lfs_are_not_published(tree: Path) -> None:
    """Issue 12, number 14."""
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 7\n"
    refuse_pointers(tree)
    write(tree, "node_modules/x/logo.png", pointer)
    refuse_pointers(tree)
    write(tree, "dist/b.png", pointer)
    write(tree, "dist/a.png", pointer)
    with pytest.raises(StageFailed) as failed:
        refuse_pointers(tree)
    wanted = ProblemDetail(Problem.LARGE_FILES_MISSING, {"path": "dist/a.png", "count": 2})
    assert failed.value.problem_detail == wanted


def test_a_pipe_holds_nobody_up_and_is_not_published(
    tree: Path, scratch: Path, copied: Copied
) -> None:
    os.mkfifo(tree / "dist" / "pipe")
    parcel = copied(tree / "dist", with_modules=False)
    assert not (parcel / "pipe").exists()


def test_a_copy_grows_to_no_more_than_a_build_may_have(tree: Path, scratch: Path) -> None:
    with (tree / "dist" / "holes.js").open("wb") as holes:
        holes.truncate(2**40)
    with pytest.raises(CopyTooLarge):
        staged(
            Staging(tree / "dist", (tree / "dist",), tree, SHOWN, None, False, 2**20),
            scratch,
            Stop(),
        )


def test_second_names_count_in_a_copy(tree: Path, scratch: Path) -> None:
    first = write(tree, "dist/first.js", "x" * 2**19)
    for number in range(3):
        (tree / "dist" / f"{number}.js").hardlink_to(first)
    with pytest.raises(CopyTooLarge):
        staged(
            Staging(tree / "dist", (tree / "dist",), tree, SHOWN, None, False, 2**20),
            scratch,
            Stop(),
        )


def test_a_cancel_ends_the_copying(tree: Path, scratch: Path) -> None:
    stop = Stop()
    stop.ask(ReleaseCanceled())
    with pytest.raises(ReleaseCanceled):
        staged(
            Staging(tree / "dist", (tree / "dist",), tree, SHOWN, None, ()),
            scratch,
            stop,
        )
