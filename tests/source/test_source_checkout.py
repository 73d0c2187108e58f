import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from checkout_harness import CheckoutHarness
from needs import needs
from repositories import commit, git, make_repository, switch


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return make_repository(
        tmp_path / "shop", {"app.json": "{}", "pages/home.js": "1"}, "First\n\nMore"
    )


def test_a_branch_may_become_a_folder_of_branches(harness: CheckoutHarness, shop: Path) -> None:
    switch(shop, "feature")
    harness.check_out(shop, "feature")
    switch(shop, "main")
    git(shop, "branch", "-D", "feature")
    switch(shop, "feature/登录")
    assert harness.check_out(shop, "feature/登录").branch == "feature/登录"
    assert in_tree(harness, "rev-parse", "--abbrev-ref", "HEAD") == "feature/登录"


def test_files_that_did_not_change_keep_their_time(harness: CheckoutHarness, shop: Path) -> None:
    harness.check_out(shop)
    before = (harness.tree / "app.json").stat().st_mtime_ns
    commit(shop, {"pages/home.js": "2"})
    harness.check_out(shop)
    assert (harness.tree / "pages/home.js").read_text() == "2"
    assert (harness.tree / "app.json").stat().st_mtime_ns == before


def test_what_a_build_left_or_changed_is_put_right(harness: CheckoutHarness, shop: Path) -> None:
    commit(shop, {".gitignore": "dist\n"})
    harness.check_out(shop)
    for name in ("dist/app.js", "new/deep/file", "pages/junk", "node_modules/left-pad/index.js"):
        write(harness.tree / name, "built")
    write(harness.tree / "app.json", "changed")
    (harness.tree / "pages/home.js").unlink()
    harness.check_out(shop)
    assert harness.names() == {
        ".gitignore",
        "app.json",
        "pages/home.js",
    }
    assert (harness.tree / "app.json").read_text() == "{}"


def test_a_change_that_hides_behind_its_old_time_and_size_is_found(
    harness: CheckoutHarness, shop: Path
) -> None:
    harness.check_out(shop)
    path = harness.tree / "pages/home.js"
    before = path.stat()
    path.write_text("9")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    harness.check_out(shop)
    assert path.read_text() == "1"


def test_modules_stay_only_where_the_commit_itself_has_them(
    harness: CheckoutHarness, shop: Path
) -> None:
    commit(shop, {"client/node_modules/own/index.js": "own", "packages/a/package.json": "{}"})
    harness.check_out(shop)
    for folder in ("packages/a", "client/node_modules/own", "client", "dist"):
        write(harness.tree / folder / "node_modules/x.js", "")
    harness.check_out(shop)
    assert {name for name in harness.names() if "node_modules" in name} == {
        "client/node_modules/own/index.js"
    }


def test_files_and_folders_may_change_places(harness: CheckoutHarness, shop: Path) -> None:
    harness.check_out(shop)
    git(shop, "rm", "--quiet", "-r", "pages", "app.json")
    commit(shop, {"pages": "a file", "app.json/inside": "in a folder"})
    harness.check_out(shop)
    assert harness.names() == {"pages", "app.json/inside"}


def test_the_tree_answers_git_without_its_mirror(harness: CheckoutHarness, shop: Path) -> None:
    git(shop, "tag", "v1")
    newest = commit(shop, {"run.sh": "#!/bin/sh"}, "Second")
    harness.check_out(shop)
    harness.mirrors.rename(harness.folder / "elsewhere")
    assert in_tree(harness, "rev-parse", "HEAD") == newest
    assert in_tree(harness, "rev-parse", "--abbrev-ref", "HEAD") == "main"
    assert in_tree(harness, "log", "-1", "--format=%s") == "Second"
    assert in_tree(harness, "describe", "--tags", "--always").startswith("v1-1-g")
    assert in_tree(harness, "status", "--porcelain") == ""
    assert in_tree(harness, "fsck", "--strict") == ""
    assert in_tree(harness, "remote") == ""


def test_a_tree_at_a_commit_stands_on_no_branch(harness: CheckoutHarness, shop: Path) -> None:
    fetched = harness.check_out(shop, git(shop, "rev-parse", "HEAD"))
    assert in_tree(harness, "rev-parse", "HEAD") == fetched.commit.id
    assert in_tree(harness, "rev-parse", "--abbrev-ref", "HEAD") == "HEAD"


def test_the_objects_of_a_tree_are_links_that_nobody_may_write(
    harness: CheckoutHarness, shop: Path
) -> None:
    harness.check_out(shop)
    packs = list((harness.tree / ".git/objects/pack").iterdir())
    assert {path.suffix for path in packs} >= {".pack", ".idx"}
    assert {path.stat().st_nlink for path in packs} == {2}
    assert {path.stat().st_mode & 0o222 for path in packs} == {0}


def test_others_may_read_the_git_folder_whatever_the_umask(
    harness: CheckoutHarness, shop: Path
) -> None:
    before = os.umask(0o077)
    try:
        harness.check_out(shop)
    finally:
        os.umask(before)
    inside = [harness.tree / ".git", *(harness.tree / ".git").rglob("*")]
    assert {path.stat().st_mode & 0o777 for path in inside if path.is_dir()} == {0o755}
    files = {path.stat().st_mode & 0o777 for path in inside if path.is_file()}
    assert files == {0o444, 0o644}
    assert harness.mirror().stat().st_mode & 0o077 == 0


@needs("root", "run the tests as root", there=os.geteuid() == 0)
def test_another_user_may_ask_git_whatever_the_umask() -> None:
    # pytest's own folders are closed to others.
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        shop = make_repository(Path(folder, "shop"), {"app.json": "{}"})
        harness = CheckoutHarness(Path(folder, "bench"))
        harness.tree.mkdir(parents=True)
        before = os.umask(0o077)
        try:
            fetched = harness.check_out(shop)
        finally:
            os.umask(before)
        harness.tree.chmod(0o1775)  # as the sandbox does
        command = ("git", "-c", "safe.directory=*", "rev-parse", "HEAD")
        done = subprocess.run(
            command, cwd=harness.tree, user=65534, capture_output=True, check=True
        )
        assert done.stdout.decode().strip() == fetched.commit.id


def test_the_history_of_a_shallow_clone_may_be_released(
    harness: CheckoutHarness, shop: Path, tmp_path: Path
) -> None:
    commit(shop, {"new.js": ""})
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{shop}", "shallow")
    fetched = harness.check_out(tmp_path / "shallow")
    assert "new.js" in harness.names()
    assert in_tree(harness, "log", "--format=%H") == fetched.commit.id


def test_odd_encodings_do_no_harm(harness: CheckoutHarness, tmp_path: Path) -> None:
    odd = make_repository(tmp_path / "odd", {"a": ""})
    Path(os.fsdecode(os.fsencode(odd) + b"/caf\xe9.js")).write_text("1")
    git(odd, "add", "--all")
    message = tmp_path / "message"
    message.write_bytes("标题 ".encode("gbk") + b"\x1b")
    git(odd, "commit", "--quiet", "--file", str(message))
    write(Path(os.fsdecode(os.fsencode(harness.tree) + b"/junk\xff")), "")
    assert harness.check_out(odd).commit.subject
    harness.check_out(odd)
    assert {os.fsencode(path.name) for path in harness.tree.iterdir()} == {
        b".git",
        b"a",
        b"caf\xe9.js",
    }


def test_a_checkout_that_was_killed_is_no_hindrance(harness: CheckoutHarness, shop: Path) -> None:
    harness.check_out(shop)
    commit(shop, {"new.js": ""})
    (harness.tree.parent / "tree.index.lock").touch()
    for name in ("packed-refs.lock", "shallow.lock", "refs/kept/x.lock", "objects/pack/tmp_pack_x"):
        (harness.mirror() / name).touch()
    harness.check_out(shop)
    assert "new.js" in harness.names()
    assert not list(harness.mirror().rglob("*.lock"))


def test_a_lost_or_spoiled_index_is_made_anew(harness: CheckoutHarness, shop: Path) -> None:
    harness.check_out(shop)
    index = harness.tree.parent / "tree.index"
    for spoil in (index.unlink, lambda: index.write_bytes(b"junk")):
        spoil()
        write(harness.tree / "junk", "")
        harness.check_out(shop)
        assert harness.names() == {"app.json", "pages/home.js"}


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def in_tree(harness: CheckoutHarness, *arguments: str) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(harness.folder)}
    done = subprocess.run(
        ("git", *arguments), cwd=harness.tree, env=environment, capture_output=True, check=True
    )
    return (done.stdout + done.stderr).decode().strip()
