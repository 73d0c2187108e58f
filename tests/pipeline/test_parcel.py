"""What the vendor's tool gets is a copy: complete, and nothing that it does there comes back."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from mprelease.domain.errors import ReleaseCanceled, StageFailed
from mprelease.domain.problems import Problem
from mprelease.pipeline.parcel import packed
from mprelease.process.tree import Stop
from mprelease.workspace.dependencies import Dependencies
from trees import write


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


def test_the_built_folder_is_copied_with_all_it_holds(tree: Path, scratch: Path) -> None:
    (tree / "dist" / "empty").mkdir()
    with packed(tree / "dist", tree, scratch, with_modules=False, stop=Stop()) as parcel:
        assert parcel.is_relative_to(scratch)
        assert contents(parcel) == {"app.js": "App({})", "pages/a/a.wxml": "<view/>"}
        assert (parcel / "empty").is_dir()


def test_nothing_that_is_done_to_the_copy_is_done_to_the_tree(tree: Path, scratch: Path) -> None:
    built = tree / "dist" / "app.js"
    before = built.stat()
    with packed(tree / "dist", tree, scratch, with_modules=False, stop=Stop()) as parcel:
        with (parcel / "app.js").open("r+") as stream:
            stream.write("changed")
        (parcel / "project.config.json").write_text("{}")
    assert contents(tree / "dist") == {"app.js": "App({})", "pages/a/a.wxml": "<view/>"}
    # By the change time, git and the kept dependencies tell what was touched.
    after = built.stat()
    assert (before.st_ctime_ns, before.st_nlink) == (after.st_ctime_ns, after.st_nlink)


def test_version_control_and_dependencies_stay_where_they_are(tree: Path, scratch: Path) -> None:
    with packed(tree, tree, scratch, with_modules=False, stop=Stop()) as parcel:
        assert contents(parcel).keys() == {
            "dist/app.js",
            "dist/pages/a/a.wxml",
            "packages/shared/index.js",
        }
        assert (tree / "node_modules" / "dep" / "index.js").exists()


def test_dependencies_are_lent_and_come_back_as_they_were(
    tree: Path, scratch: Path, tmp_path: Path
) -> None:
    dependencies = Dependencies(tree, tmp_path / "pool")
    dependencies.keep("key")
    with packed(tree / "dist", tree, scratch, with_modules=True, stop=Stop()) as parcel:
        assert parcel.parent.joinpath("node_modules", "dep", "index.js").read_text() == "dep"
    assert dependencies.bring("key"), "the next install has nothing to do"
    assert (tree / "node_modules" / "dep" / "index.js").read_text() == "dep"


def test_lent_dependencies_come_back_when_publishing_fails(tree: Path, scratch: Path) -> None:
    with (
        pytest.raises(ReleaseCanceled),
        packed(tree, tree, scratch, with_modules=True, stop=Stop()),
    ):
        raise ReleaseCanceled
    assert (tree / "node_modules" / "dep" / "index.js").exists()


def test_dependencies_of_a_workspace_still_resolve(tree: Path, scratch: Path) -> None:
    app = filled(tree / "apps" / "shop", {"package.json": "{}"})
    store = filled(tree / "node_modules" / ".pnpm" / "x@1" / "node_modules" / "x", {"i.js": "x"})
    (app / "node_modules").mkdir()
    (app / "node_modules" / "x").symlink_to(os.path.relpath(store, app / "node_modules"))
    (app / "node_modules" / "shared").symlink_to("../../../packages/shared")
    with packed(app, tree, scratch, with_modules=True, stop=Stop()) as parcel:
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
        ("dist/hop", "../hop"),
        ("dist/module", "../node_modules/dep"),
        ("dist/nowhere", "gone.js"),
    ],
)
def test_a_link_leads_to_the_same_content_in_the_copy(
    link: str, target: str, tree: Path, scratch: Path
) -> None:
    (tree / "hop").symlink_to("dist/app.js")
    (tree / link).symlink_to(target.format(tree=tree))
    before = contents(tree / "dist")
    with packed(tree / "dist", tree, scratch, with_modules=False, stop=Stop()) as parcel:
        copied = parcel / Path(link).relative_to("dist")
        assert copied.is_symlink()
        assert copied.resolve().is_relative_to(scratch)
        assert contents(parcel) == before


@pytest.mark.parametrize("target", ["/etc/passwd", "../../secret", "../../../tree-2/x"])
def test_a_link_out_of_the_tree_is_refused(
    target: str, tree: Path, scratch: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("key")
    (tree / "dist" / "stolen.js").symlink_to(target)
    with (
        pytest.raises(StageFailed) as failed,
        packed(tree / "dist", tree, scratch, with_modules=False, stop=Stop()),
    ):
        pass
    assert failed.value.trouble.problem is Problem.LINK_LEADS_OUTSIDE


def test_a_pipe_holds_nobody_up_and_is_not_published(tree: Path, scratch: Path) -> None:
    os.mkfifo(tree / "dist" / "pipe")
    with packed(tree / "dist", tree, scratch, with_modules=False, stop=Stop()) as parcel:
        assert not (parcel / "pipe").exists()


def test_a_cancel_ends_the_copying(tree: Path, scratch: Path) -> None:
    stop = Stop()
    stop.ask(ReleaseCanceled())
    with (
        pytest.raises(ReleaseCanceled),
        packed(tree / "dist", tree, scratch, with_modules=False, stop=stop),
    ):
        pass
