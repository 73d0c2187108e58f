"""Dependency sets: made once, by one, of what an install has made, and never changed again."""

import errno
import os
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from mprelease.domain.errors import ReleaseCanceled
from mprelease.process.copying import Copier
from mprelease.process.tree import Stop
from mprelease.workspace.dependency_sets import (
    CACHES,
    DependencySet,
    DependencySets,
    Inputs,
    inputs_of,
    lay_extras,
    lay_modules,
    module_folders,
)
from mprelease.workspace.entry_lock import EntryLock
from needs import needs
from trees import write

BUILD = 59001
root = needs("root", "run the tests as root", there=os.geteuid() == 0)


@pytest.fixture
def sets(tmp_path: Path) -> DependencySets:
    made = DependencySets(tmp_path / "sets")
    made.lock("a").close()
    return made


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The tree of an install, with what it sees."""
    tree = tmp_path / "place"
    write(tree, "package.json", {"name": "shop"})
    write(tree, "package-lock.json", {})
    write(tree, "packages/app/package.json", {"name": "app"})
    return tree


def installed(place: Path) -> Inputs:
    """Let an install make something; return what was there before."""
    before = inputs_of(place)
    write(place, "node_modules/a/index.js", "a")
    write(place, "node_modules/a/node_modules/b/index.js", "b")
    write(place, "packages/app/node_modules/c/index.js", "c")
    (place / "node_modules" / "app").symlink_to("../packages/app")
    return before


def seal(
    sets: DependencySets, place: Path, key: str = "a", maker: int | None = None
) -> DependencySet:
    return sets.seal(key, place, installed(place), maker=maker, locks=())


def test_every_module_folder_of_a_workspace_belongs_to_the_set(
    sets: DependencySets, place: Path
) -> None:
    made = seal(sets, place)
    assert set(made.modules) == {"node_modules", "packages/app/node_modules"}
    assert sets.find("a") == made
    assert list(module_folders(place)) == []


def test_what_builds_write_to_is_made_before_sealing(sets: DependencySets, place: Path) -> None:
    made = seal(sets, place)
    for number, _ in enumerate(made.modules):
        assert all((made.modules_at(number) / cache).is_dir() for cache in CACHES)


def test_a_set_that_was_sealed_without_one_of_these_folders_is_made_anew(
    sets: DependencySets, place: Path
) -> None:
    made = seal(sets, place)
    (made.modules_at(1) / CACHES[-1]).rmdir()
    assert sets.find("a") is None


def test_what_else_an_install_has_made_belongs_to_the_set(
    sets: DependencySets, place: Path
) -> None:
    before = installed(place)
    write(place, "src/generated.js", "made")
    write(place, "package-lock.json", {"changed": 1})
    write(place, "package.json", {"changed": 1})
    write(place, ".husky/_/husky.sh", "hook")
    made = sets.seal("a", place, before, maker=None, locks=())
    assert made.extras == ("src/generated.js",)
    assert made.extra_at("src/generated.js").read_text() == "made"


def test_a_lock_file_that_builds_read_belongs_to_the_set(sets: DependencySets, place: Path) -> None:
    write(place, "yarn.lock", "old")
    before = installed(place)
    write(place, "yarn.lock", "new")
    made = sets.seal("a", place, before, maker=None, locks=("yarn.lock",))
    assert made.extras == ("yarn.lock",)


def test_a_change_behind_a_time_that_was_set_back_belongs_to_the_set(
    sets: DependencySets, place: Path
) -> None:
    file = write(place, "src/config.js", "old")
    before, times = installed(place), file.stat()
    file.write_text("new")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert sets.seal("a", place, before, maker=None, locks=()).extras == ("src/config.js",)


@root
def test_a_sealed_set_belongs_to_us_and_nobody_can_change_it(
    sets: DependencySets, place: Path
) -> None:
    before = installed(place)
    os.mkfifo(place / "node_modules/pipe")
    program = write(place, "node_modules/a/program", "#!/bin/sh")
    program.chmod(0o6777)
    (place / "node_modules/a").chmod(0)
    for path in (place, *place.rglob("*")):
        os.chown(path, BUILD, BUILD, follow_symlinks=False)
    made = sets.seal("a", place, before, maker=BUILD, locks=())
    inside = [path for path in made.folder.rglob("*") if not path.is_symlink()]
    assert {path.lstat().st_uid for path in made.folder.rglob("*")} == {0}
    assert not [path for path in inside if path.stat().st_mode & 0o7022]
    assert (made.modules_at(0) / "a/program").stat().st_mode & 0o777 == 0o755
    assert not [path for path in inside if stat.S_ISFIFO(path.stat().st_mode)]


@root
def test_a_file_of_somebody_else_is_not_sealed(sets: DependencySets, place: Path) -> None:
    before = installed(place)
    secret = write(place.parent, "secret", "ours")
    secret.chmod(0o600)
    (place / "node_modules/stolen").hardlink_to(secret)
    os.chown(secret, 1, 1)
    with pytest.raises(PermissionError):
        sets.seal("a", place, before, maker=BUILD, locks=())
    assert secret.stat().st_mode & 0o777 == 0o600
    assert sets.find("a") is None
    assert not list(sets.folder.glob(".draft-*"))


def test_a_disk_that_fills_while_a_set_is_sealed_leaves_no_set(
    sets: DependencySets, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    before = inputs_of(place)
    (place / "node_modules").mkdir()
    with pytest.raises(OSError, match="No space"):
        sets.seal("a", place, before, maker=None, locks=())
    assert sets.find("a") is None
    assert not list(sets.folder.glob(".draft-*"))


def test_a_set_is_made_by_one_while_the_others_wait(sets: DependencySets, place: Path) -> None:
    found: list[DependencySet | None] = []
    with closing(sets.lock("a")) as first, closing(sets.lock("a")) as second:
        assert sets.acquire("a", first, Stop()) is None
        waiting = threading.Thread(target=lambda: found.append(sets.acquire("a", second, Stop())))
        waiting.start()
        made = seal(sets, place)
        assert first.try_shared()
        waiting.join(10)
        assert found == [made]


def test_whoever_waits_for_a_set_can_be_stopped(sets: DependencySets) -> None:
    stop = Stop()
    with closing(sets.lock("a")) as first, closing(sets.lock("a")) as second:
        assert sets.acquire("a", first, Stop()) is None
        stop.ask(ReleaseCanceled())
        with pytest.raises(ReleaseCanceled):
            sets.acquire("a", second, stop)


def test_a_set_is_used_by_many_at_once(sets: DependencySets, place: Path) -> None:
    made = seal(sets, place)
    with closing(sets.lock("a")) as first, closing(sets.lock("a")) as second:
        assert sets.acquire("a", first, Stop()) == made
        assert sets.acquire("a", second, Stop()) == made


def test_the_oldest_sets_go_and_none_that_is_in_use(sets: DependencySets, place: Path) -> None:
    seal(sets, place, "old")
    with closing(sets.lock("old")) as used:
        assert sets.acquire("old", used, Stop())
        os.utime(sets.folder / "old", (1, 1))
        for number in range(8):
            seal(sets, place, f"{number}")
            os.utime(sets.folder / f"{number}", (number + 2, number + 2))
        assert sets.find("old")
        assert sets.find("0") is None
        assert sets.find("7")


def test_a_set_that_was_made_meanwhile_is_shared_with_whoever_waited(
    sets: DependencySets, place: Path
) -> None:
    """Issue 12, number 19: nobody else has to wait until that release has ended."""
    seal(sets, place)
    with closing(sets.lock("a")) as using, closing(sets.lock("a")) as other:
        hidden = (sets.folder / "a").rename(sets.folder / "hidden")

        class Late(EntryLock):
            def try_exclusive(self) -> bool:
                taken = super().try_exclusive()
                if hidden.exists():
                    hidden.rename(sets.folder / "a")
                return taken

        with closing(Late(sets.folder / "a.lock")) as first:
            assert sets.acquire("a", first, Stop())
            assert other.try_shared()
        assert using.try_shared()


@pytest.mark.lasting
def test_slots_that_make_use_and_drop_sets_do_not_disturb_each_other(
    sets: DependencySets, tmp_path: Path
) -> None:
    """Issue 12, number 19: more sets than are kept, and each as it was made, all the time."""
    broken: list[object] = []

    def turn(slot: int, number: int) -> None:
        key = f"set-{(number * 7 + slot * 3) % 9}"
        with closing(sets.lock(key)) as lock:
            found = sets.acquire(key, lock, Stop())
            if found is None:
                tree = tmp_path / f"place-{slot}"
                write(tree, "node_modules/a/index.js", key)
                sets.seal(key, tree, {}, maker=None, locks=())
                found = sets.share(key, lock, Stop())
            assert found
            for _ in range(3):
                assert (found.modules_at(0) / "a/index.js").read_text() == key

    def work(slot: int) -> None:
        for number in range(150):
            try:
                turn(slot, number)
            except Exception as error:  # noqa: BLE001 whatever it is, it is counted
                broken.append(error)

    slots = [threading.Thread(target=work, args=(slot,)) for slot in range(4)]
    for each in slots:
        each.start()
    for each in slots:
        each.join(120)
    assert broken == []


def test_a_set_is_laid_into_a_tree_without_its_files_changing(
    sets: DependencySets, place: Path, tmp_path: Path
) -> None:
    before = installed(place)
    write(place, "src/made.js", "made")
    made = sets.seal("a", place, before, maker=None, locks=())
    tree = tmp_path / "tree"
    write(tree, "packages/app/package.json", {})
    lay_extras(made, tree, Copier())
    lay_modules(made, tree, Copier(link=True))
    assert (tree / "node_modules/a/index.js").samefile(made.modules_at(0) / "a/index.js")
    assert (tree / "packages/app/node_modules/c/index.js").read_text() == "c"
    assert (tree / "node_modules/app").readlink() == Path("../packages/app")
    assert (tree / "src/made.js").read_text() == "made"


@pytest.mark.parametrize("link", ["src", "src/deep"])
def test_nothing_is_laid_through_a_link_that_the_commit_has(
    sets: DependencySets, place: Path, tmp_path: Path, link: str
) -> None:
    before = installed(place)
    write(place, "src/deep/made.js", "made")
    made = sets.seal("a", place, before, maker=None, locks=())
    outside, tree = tmp_path / "outside", tmp_path / "tree"
    outside.mkdir()
    (tree / link).parent.mkdir(parents=True)
    (tree / link).symlink_to(outside)
    with pytest.raises(NotADirectoryError):
        lay_extras(made, tree, Copier())
    assert list(outside.iterdir()) == []


def test_a_module_folder_that_is_a_link_is_none(place: Path, tmp_path: Path) -> None:
    (place / "node_modules").symlink_to(tmp_path)
    assert list(module_folders(place)) == []
