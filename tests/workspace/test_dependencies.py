"""Kept dependencies: renamed, never copied, and never used once a build has touched them."""

from pathlib import Path

import pytest

from mprelease.workspace.dependencies import Dependencies, changed, module_folders, outside


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "slot" / "tree"
    (folder / "packages" / "app").mkdir(parents=True)
    return folder


@pytest.fixture
def dependencies(tree: Path, tmp_path: Path) -> Dependencies:
    return Dependencies(tree, tmp_path / "pool")


def install(tree: Path, content: str = "1") -> Path:
    package = tree / "node_modules" / "left-pad"
    package.mkdir(parents=True)
    (package / "index.js").write_text(content)
    (tree / "packages" / "app" / "node_modules").mkdir()
    return package / "index.js"


def test_a_link_that_the_repository_holds_is_left_alone(
    tree: Path, dependencies: Dependencies
) -> None:
    (tree / "shared").mkdir()
    link = tree / "packages" / "app" / "node_modules"
    link.symlink_to(tree / "shared")
    dependencies.discard()
    assert link.is_symlink()
    assert list(module_folders(tree)) == []


def test_nothing_is_there_at_first(dependencies: Dependencies) -> None:
    assert not dependencies.bring("a")


def test_what_was_installed_stays_for_the_same_key(tree: Path, dependencies: Dependencies) -> None:
    file = install(tree)
    dependencies.keep("a")
    assert dependencies.bring("a")
    assert file.read_text() == "1"


def test_another_key_puts_it_away_and_the_first_key_brings_back_the_same_files(
    tree: Path, dependencies: Dependencies
) -> None:
    file = install(tree)
    dependencies.keep("a")
    inode = file.stat().st_ino
    assert not dependencies.bring("b")
    assert list(module_folders(tree)) == []
    install(tree, "2")
    dependencies.keep("b")
    assert dependencies.bring("a")
    assert file.read_text() == "1"
    assert file.stat().st_ino == inode
    assert (tree / "packages" / "app" / "node_modules").is_dir()


def test_a_file_that_a_build_changed_spoils_it(tree: Path, dependencies: Dependencies) -> None:
    file = install(tree)
    dependencies.keep("a")
    file.write_text("evil")
    assert not dependencies.bring("a")
    assert list(module_folders(tree)) == []


def test_a_change_is_seen_behind_a_file_time_that_was_set_back(
    tree: Path, dependencies: Dependencies
) -> None:
    import os

    file = install(tree)
    dependencies.keep("a")
    before = file.stat()
    file.write_text("2")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not dependencies.bring("a")


def test_a_file_that_a_build_added_spoils_it(tree: Path, dependencies: Dependencies) -> None:
    install(tree)
    dependencies.keep("a")
    (tree / "node_modules" / "evil.js").write_text("")
    assert not dependencies.bring("a")


def test_caches_of_bundlers_may_change(tree: Path, dependencies: Dependencies) -> None:
    install(tree)
    dependencies.keep("a")
    cache = tree / "node_modules" / ".cache"
    cache.mkdir()
    (cache / "webpack.pack").write_text("")
    assert dependencies.bring("a")


def test_what_was_spoiled_is_not_put_away_for_later(tree: Path, dependencies: Dependencies) -> None:
    file = install(tree)
    dependencies.keep("a")
    file.write_text("evil")
    assert not dependencies.bring("b")
    assert not dependencies.bring("a")


def test_only_the_newest_few_are_kept(tree: Path, dependencies: Dependencies) -> None:
    for number in range(8):
        assert not dependencies.bring(str(number))
        install(tree)
        dependencies.keep(str(number))
    assert not dependencies.bring("0")
    install(tree)
    dependencies.keep("0")
    assert dependencies.bring("6")


def test_an_install_that_leaves_nothing_to_keep_is_not_kept(dependencies: Dependencies) -> None:
    dependencies.keep("a")
    assert not dependencies.bring("a")


def test_what_an_install_does_outside_of_its_folders_is_seen(tree: Path) -> None:
    before = outside(tree)
    install(tree)
    (tree / "package-lock.json").write_text("{}")
    assert outside(tree) == before
    (tree / "generated.js").write_text("")
    assert changed(before, outside(tree)) == ["generated.js"]


def test_the_git_hooks_that_husky_makes_at_every_install_do_not_count(tree: Path) -> None:
    before = outside(tree)
    hooks = tree / "packages" / "app" / ".husky" / "_"
    hooks.mkdir(parents=True)
    (hooks / "husky.sh").write_text("")
    assert outside(tree) == before
