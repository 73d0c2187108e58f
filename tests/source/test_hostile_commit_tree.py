import os
import shutil
import time
from pathlib import Path

import pytest

from checkout_harness import CheckoutHarness
from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from repositories import add_submodule, commit, git, make_repository

pytestmark = pytest.mark.lasting


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return make_repository(
        tmp_path / "shop", {"app.json": "{}", "pages/home.js": "1", ".gitattributes": "* filter=x"}
    )


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "home.js").write_text("precious")
    return folder


def plant(folder: Path, trap: Path) -> None:
    """Make a git folder in which every setting that runs a program touches the trap."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    make_repository(folder.parent / "planted", {"a": ""})
    (folder.parent / "planted/.git").rename(folder)
    shutil.rmtree(folder.parent / "planted")
    run = f"touch {trap}; cat"
    (folder / "config").write_text(
        f'[core]\n\tfsmonitor = "{run}"\n\tsshCommand = "{run}"\n\thooksPath = hooks\n'
        f'\tpager = "{run}"\n'
        f'[filter "x"]\n\tsmudge = "{run}"\n\tclean = "{run}"\n\trequired\n'
        f'[diff]\n\texternal = "{run}"\n[gpg]\n\tprogram = "{run}"\n[alias]\n\tx = "!{run}"\n'
    )
    (folder / "hooks").mkdir(exist_ok=True)
    for hook in ("post-checkout", "post-index-change", "reference-transaction", "pre-auto-gc"):
        (folder / "hooks" / hook).write_text(f"#!/bin/sh\n{run}\n")
        (folder / "hooks" / hook).chmod(0o755)


@pytest.mark.parametrize("place", [".git", "pages/.git", "node_modules/.git", "new/.git"])
def test_a_planted_git_folder_runs_nothing(
    harness: CheckoutHarness, shop: Path, tmp_path: Path, place: str
) -> None:
    harness.check_out(shop)
    plant(harness.tree / place, tmp_path / "trap")
    (harness.tree / "pages/home.js").write_text("changed")
    commit(shop, {"new.js": ""})
    harness.check_out(shop)
    assert not (tmp_path / "trap").exists()
    assert (harness.tree / "pages/home.js").read_text() == "1"
    assert not (harness.tree / "pages/.git").exists()


def test_the_trap_of_these_tests_snaps_when_git_reads_it(
    harness: CheckoutHarness, shop: Path, tmp_path: Path
) -> None:
    harness.check_out(shop)
    plant(harness.tree / ".git", tmp_path / "trap")
    git(harness.tree, "status")
    assert (tmp_path / "trap").exists()


def test_a_git_folder_that_is_a_link_is_replaced_and_not_followed(
    harness: CheckoutHarness, shop: Path, outside: Path
) -> None:
    harness.check_out(shop)
    shutil.rmtree(harness.tree / ".git")
    (harness.tree / ".git").symlink_to(outside)
    harness.check_out(shop)
    assert not (harness.tree / ".git").is_symlink()
    assert {path.name for path in outside.iterdir()} == {"home.js"}


def test_a_git_file_that_points_elsewhere_is_replaced(
    harness: CheckoutHarness, shop: Path, tmp_path: Path
) -> None:
    harness.check_out(shop)
    plant(tmp_path / "elsewhere/evil", tmp_path / "trap")
    shutil.rmtree(harness.tree / ".git")
    (harness.tree / ".git").write_text(f"gitdir: {tmp_path}/elsewhere/evil\n")
    harness.check_out(shop)
    assert (harness.tree / ".git").is_dir()
    assert not (tmp_path / "trap").exists()


def test_a_link_in_place_of_a_folder_does_not_lead_our_writing_outside(
    harness: CheckoutHarness, shop: Path, outside: Path
) -> None:
    harness.check_out(shop)
    shutil.rmtree(harness.tree / "pages")
    (harness.tree / "pages").symlink_to(outside)
    (harness.tree / "assets").symlink_to(outside)
    commit(shop, {"pages/home.js": "2", "pages/cart.js": "2", "assets/a/b.js": "2"})
    harness.check_out(shop)
    assert (harness.tree / "pages/home.js").read_text() == "2"
    assert (harness.tree / "assets/a/b.js").read_text() == "2"
    assert [(path.name, path.read_text()) for path in outside.iterdir()] == [
        ("home.js", "precious")
    ]


def test_a_link_in_place_of_a_file_does_not_lead_our_writing_outside(
    harness: CheckoutHarness, shop: Path, outside: Path
) -> None:
    harness.check_out(shop)
    (harness.tree / "pages/home.js").unlink()
    (harness.tree / "pages/home.js").symlink_to(outside / "home.js")
    harness.check_out(shop)
    assert not (harness.tree / "pages/home.js").is_symlink()
    assert (outside / "home.js").read_text() == "precious"


def test_a_link_that_is_swept_away_leaves_what_it_led_to(
    harness: CheckoutHarness, shop: Path, outside: Path
) -> None:
    harness.check_out(shop)
    (harness.tree / "junk").symlink_to(outside)
    (harness.tree / "node_modules").symlink_to(outside)
    harness.check_out(shop)
    assert harness.names() == {"app.json", "pages/home.js", ".gitattributes"}
    assert (outside / "home.js").exists()


def test_a_tree_that_became_a_link_is_made_anew(
    harness: CheckoutHarness, shop: Path, outside: Path
) -> None:
    harness.check_out(shop)
    shutil.rmtree(harness.tree)
    harness.tree.symlink_to(outside)
    harness.check_out(shop)
    assert not harness.tree.is_symlink()
    assert (outside / "home.js").read_text() == "precious"


def test_a_link_of_the_commit_itself_is_written_and_not_followed(
    harness: CheckoutHarness, shop: Path, outside: Path
) -> None:
    (shop / "link").symlink_to(outside)
    commit(shop, {})
    harness.check_out(shop)
    git(shop, "rm", "--quiet", "link")
    commit(shop, {"link/home.js": "2"})
    harness.check_out(shop)
    assert (harness.tree / "link/home.js").read_text() == "2"
    assert (outside / "home.js").read_text() == "precious"


def test_folders_that_nobody_may_enter_are_removed(harness: CheckoutHarness, shop: Path) -> None:
    harness.check_out(shop)
    deep = harness.tree / "dist/deep"
    deep.mkdir(parents=True)
    (deep / "file").touch()
    deep.chmod(0)
    (harness.tree / "pages").chmod(0)
    commit(shop, {"pages/new.js": ""})
    harness.check_out(shop)
    assert harness.names() == {"app.json", "pages/home.js", "pages/new.js", ".gitattributes"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_tree_that_belongs_to_a_build_keeps_the_times_of_files_that_it_left_alone(
    harness: CheckoutHarness, shop: Path
) -> None:
    harness.check_out(shop, user=59000)
    before = (harness.tree / "pages/home.js").stat().st_mtime_ns
    (harness.tree / "app.json").write_text("changed")
    harness.check_out(shop, user=59000)
    assert (harness.tree / "pages/home.js").stat().st_mtime_ns == before
    assert (harness.tree / "app.json").read_text() == "{}"
    git = harness.tree / ".git"
    inside = [
        path for path in harness.tree.rglob("*") if path != git and "objects" not in path.parts
    ]
    assert {path.stat().st_uid for path in inside} == {59000}
    objects = harness.tree / ".git/objects"
    assert {path.stat().st_uid for path in (objects, *objects.rglob("*"))} == {0}


def test_a_time_that_a_build_has_chosen_does_not_stay(harness: CheckoutHarness, shop: Path) -> None:
    harness.check_out(shop)
    path = harness.tree / "pages/home.js"
    os.utime(path, ns=(10**18, 10**18))
    harness.check_out(shop)
    assert path.stat().st_mtime_ns != 10**18


def test_a_commit_whose_text_is_made_to_be_slow_to_read_is_read_at_once(
    harness: CheckoutHarness, shop: Path
) -> None:
    git(shop, "config", "i18n.commitEncoding", "punycode")
    commit(shop, {"new.js": ""}, "a" * 40_000 + "-" + "kva" * 25_000)
    began = time.process_time()
    fetched = harness.check_out(shop)
    assert time.process_time() - began < 2
    assert len(fetched.commit.subject) <= 2000


def with_trees(shop: Path, levels: int) -> None:
    """Let main hold a file under 10 ^ levels names, by one more object for each level."""
    object_id, mode = git(shop, "rev-parse", "main:app.json"), b"100644"
    for _ in range(levels):
        content = b"".join(b"%s %d\0%s" % (mode, n, bytes.fromhex(object_id)) for n in range(10))
        (shop / ".git" / "folder").write_bytes(content)
        object_id, mode = git(shop, "hash-object", "-t", "tree", "-w", ".git/folder"), b"40000"
    made = git(shop, "commit-tree", object_id, "-m", "a great many files")
    git(shop, "update-ref", "refs/heads/main", made)


def test_a_commit_of_a_few_objects_and_any_number_of_files_is_refused(
    harness: CheckoutHarness, shop: Path
) -> None:
    with_trees(shop, 10)
    with pytest.raises(StageFailed) as failed:
        harness.check_out(shop)
    assert failed.value.problem_detail.problem is Problem.COMMIT_TOO_LARGE


def test_a_file_that_would_fill_the_disk_is_refused(harness: CheckoutHarness, shop: Path) -> None:
    harness.disk_limit = 4
    commit(shop, {"large": bytes(8 * 2**20)})
    with pytest.raises(StageFailed) as failed:
        harness.check_out(shop)
    assert failed.value.problem_detail.problem is Problem.DISK_LIMIT


_Entry = tuple[str, str, str]  # mode, name, object id


def tree_of(shop: Path, entries: list[_Entry]) -> str:
    """Write a tree whose entries stand in any order, which git itself never writes."""
    written = [
        f"{mode} {name}\0".encode() + bytes.fromhex(identity) for mode, name, identity in entries
    ]
    (shop / ".git" / "folder").write_bytes(b"".join(written))
    return git(shop, "hash-object", "--literally", "-t", "tree", "-w", ".git/folder")


def blob_of(shop: Path, content: str) -> str:
    (shop / ".git" / "file").write_text(content)
    return git(shop, "hash-object", "-w", ".git/file")


def with_a_link_over_a_folder(shop: Path, target: Path, inside: _Entry, *, is_last: bool) -> None:
    """Let main hold `a` twice: as a link to a target, and as a folder."""
    link: _Entry = ("120000", "a", blob_of(shop, str(target)))
    folder: _Entry = ("40000", "a", tree_of(shop, [inside]))
    app: _Entry = ("100644", "app.json", blob_of(shop, "{}"))
    modules = f'[submodule "x"]\n\tpath = a/b\n\turl = {shop.parent}/other\n'
    listed: _Entry = ("100644", ".gitmodules", blob_of(shop, modules))
    both = [folder, link] if is_last else [link, folder]
    tree = tree_of(shop, [listed, *both, app])
    git(shop, "update-ref", "refs/heads/main", git(shop, "commit-tree", tree, "-m", "crafted"))


@pytest.mark.parametrize("is_last", [True, False])
@pytest.mark.parametrize("kind", ["file", "empty submodule", "submodule"])
def test_a_commit_with_a_link_and_a_folder_of_one_name_is_refused(
    harness: CheckoutHarness, shop: Path, outside: Path, kind: str, *, is_last: bool
) -> None:
    other = make_repository(shop.parent / "other", {"home.js": "evil"})
    (outside / "b").mkdir()
    (outside / "b/home.js").write_text("precious")
    harness.check_out(shop)
    inside = {
        "file": ("100644", "home.js", blob_of(shop, "evil")),
        "empty submodule": ("160000", "c", "1" * 40),
        "submodule": ("160000", "b", git(other, "rev-parse", "HEAD")),
    }[kind]
    (outside / "c").mkdir()
    (outside / "c/home.js").write_text("precious")
    with_a_link_over_a_folder(shop, outside, inside, is_last=is_last)
    with pytest.raises(StageFailed) as failed:
        harness.check_out(shop)
    assert failed.value.problem_detail.problem is Problem.COMMIT_MALFORMED
    for place in ("home.js", "b/home.js", "c/home.js"):
        assert (outside / place).read_text() == "precious"


def used(folder: Path) -> int:
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))


def test_a_submodule_cannot_fill_the_disk_with_what_it_sends(
    harness: CheckoutHarness, shop: Path
) -> None:
    harness.check_out(shop)
    other = make_repository(shop.parent / "other", {"large": os.urandom(32 * 2**20)})
    before = used(harness.mirrors)
    harness.disk_limit = 8
    add_submodule(shop, "other", str(other), git(other, "rev-parse", "HEAD"))
    with pytest.raises(StageFailed) as failed:
        harness.check_out(shop)
    assert failed.value.problem_detail.problem is Problem.DISK_LIMIT
    assert used(harness.mirrors) - before < 2 * 2**20


def test_a_mirror_that_is_larger_than_the_limit_still_grows(
    harness: CheckoutHarness, shop: Path
) -> None:
    commit(shop, {"large": os.urandom(12 * 2**20)})
    git(shop, "rm", "--quiet", "large")
    commit(shop, {})
    harness.check_out(shop)
    harness.disk_limit = 8
    commit(shop, {"new.js": "1"})
    harness.check_out(shop)
    assert (harness.tree / "new.js").read_text() == "1"


def test_what_a_host_sends_cannot_fill_the_memory(harness: CheckoutHarness, shop: Path) -> None:
    # Compressed, it is a quarter of a megabyte.
    commit(shop, {"large": bytes(250 * 2**20)})
    harness.memory_limit = 64
    with pytest.raises(StageFailed) as failed:
        harness.check_out(shop)
    assert failed.value.problem_detail.problem is Problem.MEMORY_LIMIT
