import os
import shutil
import threading
from pathlib import Path

import pytest

from checkout_harness import CheckoutHarness
from git_host import GitHost, serving
from mprelease.domain.errors import Refused, ReleaseCanceled, StageFailed
from mprelease.domain.problems import Problem
from mprelease.source import checkout
from mprelease.source.mirror import Mirror
from mprelease.source.refs import Refs, commits, refs
from mprelease.source.repository import Repository
from repositories import commit, git, make_repository, switch

pytestmark = pytest.mark.lasting


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return make_repository(
        tmp_path / "shop", {"app.json": "{}", "pages/home.js": "1"}, "First\n\nMore"
    )


def test_a_branch_brings_its_newest_commit(harness: CheckoutHarness, shop: Path) -> None:
    harness.check_out(shop)
    newest = commit(shop, {"pages/cart.js": "2"}, "Add the cart\n\nand more")
    fetched = harness.check_out(shop)
    assert fetched.branch == "main"
    assert fetched.commit.id == newest
    assert fetched.commit.author == "林 Author"
    assert fetched.commit.subject == "Add the cart"
    assert fetched.commit.time == 1767585600
    assert harness.names() == {"app.json", "pages/home.js", "pages/cart.js"}


def test_only_the_one_ref_is_fetched(harness: CheckoutHarness, shop: Path) -> None:
    switch(shop, "other")
    other = commit(shop, {"other.js": ""})
    harness.check_out(shop)
    with pytest.raises(StageFailed):
        Mirror(harness.git(), Repository(str(shop))).output("cat-file", "-e", other)


def test_a_branch_that_was_pushed_by_force_is_followed(
    harness: CheckoutHarness, shop: Path
) -> None:
    commit(shop, {"wrong.js": ""})
    harness.check_out(shop)
    git(shop, "reset", "--quiet", "--hard", "HEAD~1")
    right = commit(shop, {"right.js": ""})
    assert harness.check_out(shop).commit.id == right
    assert "wrong.js" not in harness.names()


def test_a_tag_brings_its_commit_and_no_branch(harness: CheckoutHarness, shop: Path) -> None:
    first = git(shop, "rev-parse", "HEAD")
    git(shop, "tag", "light")
    git(shop, "tag", "-a", "v1", "-m", "version 1")
    commit(shop, {"new.js": ""})
    for ref in ("light", "v1", "refs/tags/v1"):
        fetched = harness.check_out(shop, ref)
        assert (fetched.commit.id, fetched.branch) == (first, None)


def test_a_tag_that_was_moved_is_followed(harness: CheckoutHarness, shop: Path) -> None:
    git(shop, "tag", "latest")
    harness.check_out(shop, "latest")
    moved = commit(shop, {"new.js": ""})
    git(shop, "tag", "--force", "latest")
    assert harness.check_out(shop, "latest").commit.id == moved


def test_a_name_is_a_branch_before_it_is_a_tag(harness: CheckoutHarness, shop: Path) -> None:
    git(shop, "tag", "both")
    switch(shop, "both-branch")
    newest = commit(shop, {"new.js": ""})
    git(shop, "update-ref", "refs/heads/both", newest)
    assert harness.fetch(shop, "both").commit.id == newest
    assert harness.fetch(shop, "refs/tags/both").branch is None


def test_a_branch_named_like_a_number_is_a_branch(harness: CheckoutHarness, shop: Path) -> None:
    switch(shop, "20260105")
    newest = commit(shop, {"new.js": ""})
    fetched = harness.fetch(shop, "20260105")
    assert (fetched.commit.id, fetched.branch) == (newest, "20260105")


def test_a_branch_named_like_the_beginning_of_a_commit_that_is_here_is_a_branch(
    harness: CheckoutHarness, shop: Path
) -> None:
    good = git(shop, "rev-parse", "main")
    switch(shop, "evil")
    # Whoever makes commits tries until the id begins with the name of a branch, such as 20260105.
    evil = commit(shop, {"evil.js": ""})
    harness.fetch(shop, "evil")
    git(shop, "update-ref", f"refs/heads/{evil[:8]}", good)
    fetched = harness.fetch(shop, evil[:8])
    assert (fetched.commit.id, fetched.branch) == (good, evil[:8])


@pytest.mark.parametrize("length", [40, 12])
def test_a_commit_of_another_branch_is_found(
    harness: CheckoutHarness, shop: Path, length: int
) -> None:
    switch(shop, "other")
    wanted = commit(shop, {"other.js": "1"})
    commit(shop, {"other.js": "2"})
    harness.check_out(shop)
    fetched = harness.check_out(shop, wanted[:length].upper())
    assert (fetched.commit.id, fetched.branch) == (wanted, None)
    assert (harness.tree / "other.js").read_text() == "1"


@pytest.mark.parametrize("ref", ["nope", "1" * 40, "1234567", "HEAD"])
def test_a_ref_that_does_not_exist_is_told(harness: CheckoutHarness, shop: Path, ref: str) -> None:
    with pytest.raises(StageFailed) as failed:
        harness.fetch(shop, ref)
    assert failed.value.problem_detail.problem is Problem.GIT_REF_NOT_FOUND
    assert failed.value.problem_detail.parameters == {"ref": ref, "repository": str(shop)}


def test_an_empty_repository_has_no_ref(harness: CheckoutHarness, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    git(tmp_path / "empty", "init", "--quiet")
    with pytest.raises(StageFailed) as failed:
        harness.fetch(tmp_path / "empty", "main")
    assert failed.value.problem_detail.problem is Problem.GIT_REF_NOT_FOUND


def test_a_folder_that_is_no_repository_is_told(harness: CheckoutHarness, tmp_path: Path) -> None:
    with pytest.raises(StageFailed) as failed:
        harness.fetch(tmp_path, "main")
    assert failed.value.problem_detail.problem is Problem.GIT_NOT_A_REPOSITORY


@pytest.mark.parametrize("author", ["lin", "林"])
@pytest.mark.parametrize("declared", ["GBK", "gb18030"])
def test_a_subject_in_another_encoding_is_decoded_once(
    harness: CheckoutHarness, tmp_path: Path, author: str, declared: str
) -> None:
    """Issue 12, number 13: git converts what it can, and leaves a commit as it is otherwise."""
    odd = make_repository(tmp_path / "odd", {"a": ""})
    message = tmp_path / "message"
    message.write_bytes("修复登录".encode("gbk"))
    author_option = f"--author={author} <lin@example.com>"
    encoding_option = ("-c", f"i18n.commitEncoding={declared}")
    git(odd, *encoding_option, "commit", "-q", "--allow-empty", author_option, "-F", str(message))
    git(odd, "commit", "-q", "--allow-empty", author_option, "-m", "feat: 首页")
    newest, earlier = commits(harness.git(), Repository(str(odd)), "main", 2)
    assert (newest.author, newest.subject) == (author, "feat: 首页")
    assert (earlier.author, earlier.subject) == (author, "修复登录")
    assert harness.fetch(odd, earlier.id).commit.subject == "修复登录"


def test_a_subject_in_gbk_that_is_not_declared_is_read(
    harness: CheckoutHarness, tmp_path: Path
) -> None:
    """Issue 12, number 13: git would not write such a commit, other programs do."""
    odd = make_repository(tmp_path / "odd", {"a": ""})
    raw = tmp_path / "raw"
    whole = git(odd, "cat-file", "commit", "HEAD").replace("First commit", "修复登录")
    raw.write_bytes(whole.encode("gbk"))
    made = git(odd, "hash-object", "-t", "commit", "-w", str(raw))
    git(odd, "update-ref", "refs/heads/main", made)
    commit = harness.fetch(odd, "main").commit
    assert (commit.author, commit.subject) == ("林 Author", "修复登录")


def test_a_mirror_that_was_half_made_is_made_anew(harness: CheckoutHarness, shop: Path) -> None:
    harness.check_out(shop)
    mirror = harness.mirror()
    mirror.rename(mirror.with_suffix(".new"))
    shutil.rmtree(mirror.with_suffix(".new") / "objects")
    assert harness.check_out(shop).branch == "main"


def test_two_slots_may_use_one_mirror_at_once(harness: CheckoutHarness, shop: Path) -> None:
    other = CheckoutHarness(harness.folder)
    threads = [
        threading.Thread(target=lambda one=one: one.fetch(shop, "main"))
        for one in (harness, other, harness, other)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    harness.check_out(shop)
    assert not any("lock" in line for line in (*harness.lines, *other.lines))


def test_nobody_waits_for_a_mirror_beyond_a_stop_or_the_time_limit(
    harness: CheckoutHarness, shop: Path
) -> None:
    with Mirror(harness.git(), Repository(str(shop))).locked():
        with pytest.raises(StageFailed) as failed:
            checkout.fetch(harness.git(time_limit=0.2), Repository(str(shop)), "main")
        assert failed.value.problem_detail.problem is Problem.TIME_LIMIT
        harness.stop.ask(ReleaseCanceled())
        with pytest.raises(ReleaseCanceled):
            harness.fetch(shop, "main")


def test_a_stop_ends_git(harness: CheckoutHarness, shop: Path, tmp_path: Path) -> None:
    hang(harness, tmp_path / "bin")
    harness.on_line = lambda _: harness.stop.ask(ReleaseCanceled())
    with pytest.raises(ReleaseCanceled):
        harness.fetch(shop, "main")


def test_the_time_limit_ends_git(harness: CheckoutHarness, shop: Path, tmp_path: Path) -> None:
    hang(harness, tmp_path / "bin")
    with pytest.raises(StageFailed) as failed:
        checkout.fetch(harness.git(time_limit=0.2), Repository(str(shop)), "main")
    assert failed.value.problem_detail.problem is Problem.TIME_LIMIT


def test_the_log_tells_the_end_of_each_phase_and_no_more(
    harness: CheckoutHarness, tmp_path: Path
) -> None:
    files = {f"pages/{number}.js": str(number) for number in range(300)}
    harness.check_out(make_repository(tmp_path / "large", files))
    assert any(line.startswith("Receiving objects: 100% (") for line in harness.lines)
    assert len(harness.lines) <= 6
    assert not [line for line in harness.lines if "refs/" in line]


def test_many_fetches_do_not_make_a_heap_of_packs(harness: CheckoutHarness, shop: Path) -> None:
    for number in range(25):
        commit(shop, {"number": str(number)})
        harness.fetch(shop, "main")
    assert len(list(harness.mirror().glob("objects/pack/*.pack"))) <= 21


def test_a_commit_of_a_host_that_hides_ids_is_found_behind_its_branches(
    harness: CheckoutHarness, shop: Path
) -> None:
    switch(shop, "other")
    wanted = commit(shop, {"other.js": "1"})
    commit(shop, {"other.js": "2"})
    with serving(GitHost(shop.parent, speaks_v2=False)) as host:
        assert harness.fetch(Repository(f"{host.url}/shop/.git"), wanted).commit.id == wanted


def test_without_git_on_the_machine_the_lack_is_told(
    harness: CheckoutHarness, shop: Path, tmp_path: Path
) -> None:
    fetched = harness.fetch(shop, "main")
    harness.path = str(tmp_path / "empty")
    for ref in ("main", fetched.commit.id):
        with pytest.raises(StageFailed) as failed:
            harness.fetch(shop, ref)
        assert failed.value.problem_detail.problem is Problem.TOOL_MISSING


def hang(harness: CheckoutHarness, folder: Path) -> None:
    folder.mkdir()
    path = folder / "git"
    path.write_text("#!/bin/sh\necho waiting\nsleep 60\n")
    path.chmod(0o755)
    harness.path = f"{folder}{os.pathsep}{harness.path}"


def test_whoever_asks_for_what_is_no_ref_is_refused_at_the_mirror(
    harness: CheckoutHarness, tmp_path: Path
) -> None:
    shop = make_repository(tmp_path / "shop", {"app.json": "{}"})
    for ref in ("--upload-pack=x", "main:refs/tags/x", "a\nb", "+main", ""):
        with pytest.raises((Refused, StageFailed)) as failed:
            harness.fetch(shop, ref)
        known = {Problem.REF_SHAPE, Problem.GIT_REF_NOT_FOUND}
        assert failed.value.problem_detail.problem in known


def test_a_host_offers_no_refs_that_could_not_be_released(
    harness: CheckoutHarness, tmp_path: Path
) -> None:
    shop = make_repository(tmp_path / "shop", {"app.json": "{}"})
    for ref in ("heads/--help", "heads/ma\u202ein", "tags/v\x9b2J", "tags/v1", "heads/登录"):
        git(shop, "update-ref", f"refs/{ref}", "HEAD")
    assert refs(harness.git(), Repository(str(shop))) == Refs(("main", "登录"), ("v1",))


def test_a_tag_that_a_branch_hides_is_offered_by_its_full_name(
    harness: CheckoutHarness, shop: Path
) -> None:
    git(shop, "tag", "v1")
    git(shop, "tag", "v2")
    switch(shop, "v1")
    evil = commit(shop, {"evil.js": ""})
    place = Repository(str(shop))
    found = refs(harness.git(), place)
    assert found == Refs(("main", "v1"), ("refs/tags/v1", "v2"))
    assert harness.fetch(place, found.tags[0]).commit.id != evil


def test_every_name_that_is_offered_can_be_released(
    harness: CheckoutHarness, tmp_path: Path
) -> None:
    """Issue 12, number 9: `-x`, a name that reads as a commit's id, a name of a full ref."""
    repository = make_repository(tmp_path / "odd", {"app.json": "{}"})
    head = git(repository, "rev-parse", "HEAD").strip()
    odd = ("-x", "a" * 40, "refs/heads/main", "good", "deadbee", "feature/-x", "x\u3000")
    for name in odd:
        for kind in ("heads", "tags"):
            git(repository, "update-ref", f"refs/{kind}/{name}", head)
    place = Repository(str(repository))
    found = refs(harness.git(), place)
    assert {"good", "deadbee", "feature/-x"} <= set(found.branches)
    assert {f"refs/tags/{name}" for name in found.branches} == {*found.tags, "refs/tags/main"}
    assert not {"-x", "a" * 40, "refs/heads/main", "x\u3000"} & {*found.branches, *found.tags}
    for name in (*found.branches, *found.tags):
        assert harness.fetch(place, name).commit.id == head
