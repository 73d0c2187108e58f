"""Packages that a package manager keeps elsewhere lie beside the package.json that names them."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from mprelease.domain.errors import ReleaseCanceled, StageFailed
from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.pipeline.near_packages import bring_near
from mprelease.process.tree import Stop
from trees import write


def package(folder: Path, *needs: str, mark: str = "") -> Path:
    """Write a package of the folder's name with a file that tells it from others."""
    write(folder, "package.json", json.dumps({"dependencies": dict.fromkeys(needs, "*")}))
    write(folder, "index.js", mark or folder.name)
    return folder


def link(place: Path, target: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "tree").mkdir()
    return tmp_path / "tree"


@pytest.fixture
def app(tree: Path) -> Path:
    return tree / "packages" / "app"


def near(app: Path, tree: Path) -> Mapping[str, str]:
    """Bring packages near; return the mark of each, by its path in node_modules."""
    bring_near(app, tree, Stop())
    return packages(app)


def packages(app: Path) -> Mapping[str, str]:
    """Return what read-package-tree sees: plain folders, and links as such."""
    modules = app / "node_modules"
    found = (each.parent for each in modules.rglob("index.js") if ".pnpm" not in each.parts)
    return {
        str(each.relative_to(modules)): (each / "index.js").read_text()
        for each in found
        if each.resolve() == each
    }


def test_packages_at_the_top_of_a_workspace_and_what_they_need(app: Path, tree: Path) -> None:
    package(app, "a", "@s/b")
    package(tree / "node_modules/a", "c")
    package(tree / "node_modules/@s/b")
    package(tree / "node_modules/c")
    package(tree / "node_modules/tool")
    assert near(app, tree) == {"a": "a", "@s/b": "b", "c": "c"}


def test_another_version_lies_in_the_package_that_needs_it(app: Path, tree: Path) -> None:
    package(app, "a", "c")
    package(app / "node_modules/c", mark="c 1")
    package(tree / "node_modules/a", "c", "b")
    package(tree / "node_modules/b", "c")
    package(tree / "node_modules/c", mark="c 2")
    expected = {
        "a": "a",
        "b": "b",
        "c": "c 1",
        "a/node_modules/c": "c 2",
        "b/node_modules/c": "c 2",
    }
    assert near(app, tree) == expected


def test_what_a_package_has_inside_stays_its_own(app: Path, tree: Path) -> None:
    package(app, "a", "b")
    package(tree / "node_modules/a", "b")
    package(tree / "node_modules/a/node_modules/b", mark="b 1")
    package(tree / "node_modules/b", mark="b 2")
    assert near(app, tree) == {"a": "a", "a/node_modules/b": "b 1", "b": "b 2"}


def test_packages_behind_links_of_pnpm_and_what_those_need(app: Path, tree: Path) -> None:
    package(app, "a", "shared")
    store = tree / "node_modules/.pnpm"
    package(store / "a@1/node_modules/a", "b")
    package(store / "b@1/node_modules/b", mark="b 1")
    link(store / "a@1/node_modules/b", store / "b@1/node_modules/b")
    link(app / "node_modules/a", store / "a@1/node_modules/a")
    package(tree / "packages/shared", "b")
    package(store / "b@2/node_modules/b", mark="b 2")
    link(tree / "packages/shared/node_modules/b", store / "b@2/node_modules/b")
    link(app / "node_modules/shared", tree / "packages/shared")
    assert near(app, tree) == {
        "a": "a",
        "shared": "shared",
        "b": "b 1",
        "shared/node_modules/b": "b 2",
    }
    assert (tree / "packages/shared/index.js").is_file()


def test_a_complete_folder_stays_as_it_is(app: Path, tree: Path) -> None:
    package(app, "a")
    package(app / "node_modules/a", "b", "c")
    package(app / "node_modules/b")
    package(app / "node_modules/a/node_modules/c")
    package(tree / "node_modules/b", mark="another")
    before = {each: each.lstat().st_ino for each in app.rglob("*")}
    bring_near(app, tree, Stop())
    assert {each: each.lstat().st_ino for each in app.rglob("*")} == before


def test_packages_that_need_each_other_come_once(app: Path, tree: Path) -> None:
    package(app, "a")
    package(tree / "node_modules/a", "b")
    package(tree / "node_modules/b", "a")
    assert near(app, tree) == {"a": "a", "b": "b"}


@pytest.mark.parametrize("name", ["../../secret", "..", ".", "/etc", "a/../../secret", "@s/../x"])
def test_a_name_that_leads_elsewhere_is_no_package(name: str, app: Path, tree: Path) -> None:
    package(app, name)
    package(tree / "node_modules/x")
    package(tree / "secret")
    assert near(app, tree) == {}


def test_nothing_comes_from_outside_of_the_tree(app: Path, tree: Path) -> None:
    package(app, "a", "b", "c")
    package(tree.parent / "outside", mark="secret")
    package(tree.parent / "node_modules/b", mark="secret")
    link(tree / "node_modules/a", tree.parent / "outside")
    package(tree / "node_modules/c")
    link(tree / "node_modules/c/more.js", tree.parent / "outside/index.js")
    assert near(app, tree) == {"c": "c"}
    assert not (app / "node_modules/c/more.js").exists()


@pytest.mark.parametrize("way", ["node_modules", "node_modules/@s"])
@pytest.mark.parametrize("is_link", [True, False])
def test_nothing_is_laid_through_a_link_or_a_file(
    way: str, app: Path, tree: Path, *, is_link: bool
) -> None:
    package(app, "@s/a")
    package(tree / "node_modules/@s/a")
    (tree / "elsewhere").mkdir()
    if is_link:
        link(app / way, tree / "elsewhere")
    else:
        write(app, way, "a file")
    bring_near(app, tree, Stop())
    assert not list((tree / "elsewhere").iterdir())


def test_a_package_that_holds_the_app_is_not_copied_into_itself(app: Path, tree: Path) -> None:
    package(tree)
    package(app, "top")
    link(app / "node_modules/top", tree)
    bring_near(app, tree, Stop())
    assert (app / "node_modules/top").is_symlink()


def test_versions_that_take_turns_have_an_end(app: Path, tree: Path) -> None:
    package(app, "a")
    store = tree / "store"
    for number in (1, 2):
        package(store / f"a{number}/node_modules/a", "b")
        package(store / f"b{number}/node_modules/b", "a")
    link(store / "a1/node_modules/b", store / "b1/node_modules/b")
    link(store / "b1/node_modules/a", store / "a2/node_modules/a")
    link(store / "a2/node_modules/b", store / "b2/node_modules/b")
    link(store / "b2/node_modules/a", store / "a1/node_modules/a")
    link(app / "node_modules/a", store / "a1/node_modules/a")
    with pytest.raises(StageFailed) as failure:
        bring_near(app, tree, Stop())
    expected = ProblemDetail(Problem.PACKAGES_ENDLESS, {"path": "packages/app/package.json"})
    assert failure.value.problem_detail == expected


@pytest.mark.parametrize("files", [8, 300])
def test_too_many_files_or_names_are_refused(files: int, app: Path, tree: Path) -> None:
    package(app, "a", *(f"n{number}" for number in range(files)))
    package(tree / "node_modules/a")
    for number in range(files):
        write(tree / "node_modules/a", f"{number}.js", "")
    with pytest.raises(StageFailed):
        bring_near(app, tree, Stop(), most=9)


def test_a_cancel_is_heard(app: Path, tree: Path) -> None:
    package(app, "a")
    stop = Stop()
    stop.ask(ReleaseCanceled())
    with pytest.raises(ReleaseCanceled):
        bring_near(app, tree, stop)
