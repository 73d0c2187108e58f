import os
import shutil
import threading
from pathlib import Path

import pytest

from git_host import GitHost, serving
from mprelease.domain.errors import Refused, ReleaseCanceled, StageFailed
from mprelease.domain.problems import Problem
from mprelease.source import checkout
from mprelease.source.mirror import Mirror
from mprelease.source.refs import Refs, commits, refs
from mprelease.source.repository import Repository
from repositories import commit, git, make_repository, switch
from source_bench import Bench

pytestmark = pytest.mark.lasting


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return make_repository(
        tmp_path / "shop", {"app.json": "{}", "pages/home.js": "1"}, "First\n\nMore"
    )


def test_a_branch_brings_its_newest_commit(bench: Bench, shop: Path) -> None:
    bench.check_out(shop)
    newest = commit(shop, {"pages/cart.js": "2"}, "Add the cart\n\nand more")
    fetched = bench.check_out(shop)
    assert fetched.branch == "main"
    assert fetched.commit.id == newest
    assert fetched.commit.author == "林 Author"
    assert fetched.commit.subject == "Add the cart"
    assert fetched.commit.time == 1767585600
    assert bench.names() == {"app.json", "pages/home.js", "pages/cart.js"}


def test_only_the_one_ref_is_fetched(bench: Bench, shop: Path) -> None:
    switch(shop, "other")
    other = commit(shop, {"other.js": ""})
    bench.check_out(shop)
    with pytest.raises(StageFailed):
        Mirror(bench.git(), Repository(str(shop))).output("cat-file", "-e", other)


def test_a_branch_that_was_pushed_by_force_is_followed(bench: Bench, shop: Path) -> None:
    commit(shop, {"wrong.js": ""})
    bench.check_out(shop)
    git(shop, "reset", "--quiet", "--hard", "HEAD~1")
    right = commit(shop, {"right.js": ""})
    assert bench.check_out(shop).commit.id == right
    assert "wrong.js" not in bench.names()


def test_a_tag_brings_its_commit_and_no_branch(bench: Bench, shop: Path) -> None:
    first = git(shop, "rev-parse", "HEAD")
    git(shop, "tag", "light")
    git(shop, "tag", "-a", "v1", "-m", "version 1")
    commit(shop, {"new.js": ""})
    for ref in ("light", "v1", "refs/tags/v1"):
        fetched = bench.check_out(shop, ref)
        assert (fetched.commit.id, fetched.branch) == (first, None)


def test_a_tag_that_was_moved_is_followed(bench: Bench, shop: Path) -> None:
    git(shop, "tag", "latest")
    bench.check_out(shop, "latest")
    moved = commit(shop, {"new.js": ""})
    git(shop, "tag", "--force", "latest")
    assert bench.check_out(shop, "latest").commit.id == moved


def test_a_name_is_a_branch_before_it_is_a_tag(bench: Bench, shop: Path) -> None:
    git(shop, "tag", "both")
    switch(shop, "both-branch")
    newest = commit(shop, {"new.js": ""})
    git(shop, "update-ref", "refs/heads/both", newest)
    assert bench.fetch(shop, "both").commit.id == newest
    assert bench.fetch(shop, "refs/tags/both").branch is None


def test_a_branch_named_like_a_number_is_a_branch(bench: Bench, shop: Path) -> None:
    switch(shop, "20260105")
    newest = commit(shop, {"new.js": ""})
    fetched = bench.fetch(shop, "20260105")
    assert (fetched.commit.id, fetched.branch) == (newest, "20260105")


def test_a_branch_named_like_the_beginning_of_a_commit_that_is_here_is_a_branch(
    bench: Bench, shop: Path
) -> None:
    good = git(shop, "rev-parse", "main")
    switch(shop, "evil")
    # Whoever makes commits tries until the id begins with the name of a branch, such as 20260105.
    evil = commit(shop, {"evil.js": ""})
    bench.fetch(shop, "evil")
    git(shop, "update-ref", f"refs/heads/{evil[:8]}", good)
    fetched = bench.fetch(shop, evil[:8])
    assert (fetched.commit.id, fetched.branch) == (good, evil[:8])


@pytest.mark.parametrize("length", [40, 12])
def test_a_commit_of_another_branch_is_found(bench: Bench, shop: Path, length: int) -> None:
    switch(shop, "other")
    wanted = commit(shop, {"other.js": "1"})
    commit(shop, {"other.js": "2"})
    bench.check_out(shop)
    fetched = bench.check_out(shop, wanted[:length].upper())
    assert (fetched.commit.id, fetched.branch) == (wanted, None)
    assert (bench.tree / "other.js").read_text() == "1"


@pytest.mark.parametrize("ref", ["nope", "1" * 40, "1234567", "HEAD"])
def test_a_ref_that_does_not_exist_is_told(bench: Bench, shop: Path, ref: str) -> None:
    with pytest.raises(StageFailed) as failed:
        bench.fetch(shop, ref)
    assert failed.value.problem_detail.problem is Problem.GIT_REF_NOT_FOUND
    assert failed.value.problem_detail.parameters == {"ref": ref, "repository": str(shop)}


def test_an_empty_repository_has_no_ref(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    git(tmp_path / "empty", "init", "--quiet")
    with pytest.raises(StageFailed) as failed:
        bench.fetch(tmp_path / "empty", "main")
    assert failed.value.problem_detail.problem is Problem.GIT_REF_NOT_FOUND


def test_a_folder_that_is_no_repository_is_told(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(StageFailed) as failed:
        bench.fetch(tmp_path, "main")
    assert failed.value.problem_detail.problem is Problem.GIT_NOT_A_REPOSITORY


@pytest.mark.parametrize("author", ["lin", "林"])
@pytest.mark.parametrize("declared", ["GBK", "gb18030"])
def test_a_subject_in_another_encoding_is_decoded_once(
    bench: Bench, tmp_path: Path, author: str, declared: str
) -> None:
    """Issue 12, number 13: git converts what it can, and leaves a commit as it is otherwise."""
    odd = make_repository(tmp_path / "odd", {"a": ""})
    message = tmp_path / "message"
    message.write_bytes("修复登录".encode("gbk"))
    whose = f"--author={author} <lin@example.com>"
    says = ("-c", f"i18n.commitEncoding={declared}")
    git(odd, *says, "commit", "-q", "--allow-empty", whose, "-F", str(message))
    git(odd, "commit", "-q", "--allow-empty", whose, "-m", "feat: 首页")
    newest, earlier = commits(bench.git(), Repository(str(odd)), "main", 2)
    assert (newest.author, newest.subject) == (author, "feat: 首页")
    assert (earlier.author, earlier.subject) == (author, "修复登录")
    assert bench.fetch(odd, earlier.id).commit.subject == "修复登录"


def test_a_subject_in_gbk_that_is_not_declared_is_read(bench: Bench, tmp_path: Path) -> None:
    """Issue 12, number 13: git would not write such a commit, other programs do."""
    odd = make_repository(tmp_path / "odd", {"a": ""})
    raw = tmp_path / "raw"
    whole = git(odd, "cat-file", "commit", "HEAD").replace("First commit", "修复登录")
    raw.write_bytes(whole.encode("gbk"))
    made = git(odd, "hash-object", "-t", "commit", "-w", str(raw))
    git(odd, "update-ref", "refs/heads/main", made)
    commit = bench.fetch(odd, "main").commit
    assert (commit.author, commit.subject) == ("林 Author", "修复登录")


def test_a_mirror_that_was_half_made_is_made_anew(bench: Bench, shop: Path) -> None:
    bench.check_out(shop)
    mirror = bench.mirror()
    mirror.rename(mirror.with_suffix(".new"))
    shutil.rmtree(mirror.with_suffix(".new") / "objects")
    assert bench.check_out(shop).branch == "main"


def test_two_slots_may_use_one_mirror_at_once(bench: Bench, shop: Path) -> None:
    other = Bench(bench.folder)
    threads = [
        threading.Thread(target=lambda one=one: one.fetch(shop, "main"))
        for one in (bench, other, bench, other)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bench.check_out(shop)
    assert not any("lock" in line for line in (*bench.lines, *other.lines))


def test_nobody_waits_for_a_mirror_beyond_a_stop_or_the_time_limit(
    bench: Bench, shop: Path
) -> None:
    with Mirror(bench.git(), Repository(str(shop))).locked():
        with pytest.raises(StageFailed) as failed:
            checkout.fetch(bench.git(time_limit=0.2), Repository(str(shop)), "main")
        assert failed.value.problem_detail.problem is Problem.TIME_LIMIT
        bench.stop.ask(ReleaseCanceled())
        with pytest.raises(ReleaseCanceled):
            bench.fetch(shop, "main")


def test_a_stop_ends_git(bench: Bench, shop: Path, tmp_path: Path) -> None:
    hang(bench, tmp_path / "bin")
    bench.on_line = lambda _: bench.stop.ask(ReleaseCanceled())
    with pytest.raises(ReleaseCanceled):
        bench.fetch(shop, "main")


def test_the_time_limit_ends_git(bench: Bench, shop: Path, tmp_path: Path) -> None:
    hang(bench, tmp_path / "bin")
    with pytest.raises(StageFailed) as failed:
        checkout.fetch(bench.git(time_limit=0.2), Repository(str(shop)), "main")
    assert failed.value.problem_detail.problem is Problem.TIME_LIMIT


def test_the_log_tells_the_end_of_each_phase_and_no_more(bench: Bench, tmp_path: Path) -> None:
    files = {f"pages/{number}.js": str(number) for number in range(300)}
    bench.check_out(make_repository(tmp_path / "large", files))
    assert any(line.startswith("Receiving objects: 100% (") for line in bench.lines)
    assert len(bench.lines) <= 6
    assert not [line for line in bench.lines if "refs/" in line]


def test_many_fetches_do_not_make_a_heap_of_packs(bench: Bench, shop: Path) -> None:
    for number in range(25):
        commit(shop, {"number": str(number)})
        bench.fetch(shop, "main")
    assert len(list(bench.mirror().glob("objects/pack/*.pack"))) <= 21


def test_a_commit_of_a_host_that_hides_ids_is_found_behind_its_branches(
    bench: Bench, shop: Path
) -> None:
    switch(shop, "other")
    wanted = commit(shop, {"other.js": "1"})
    commit(shop, {"other.js": "2"})
    with serving(GitHost(shop.parent, speaks_v2=False)) as host:
        assert bench.fetch(Repository(f"{host.url}/shop/.git"), wanted).commit.id == wanted


def test_without_git_on_the_machine_the_lack_is_told(
    bench: Bench, shop: Path, tmp_path: Path
) -> None:
    fetched = bench.fetch(shop, "main")
    bench.path = str(tmp_path / "empty")
    for ref in ("main", fetched.commit.id):
        with pytest.raises(StageFailed) as failed:
            bench.fetch(shop, ref)
        assert failed.value.problem_detail.problem is Problem.TOOL_MISSING


def hang(bench: Bench, folder: Path) -> None:
    folder.mkdir()
    path = folder / "git"
    path.write_text("#!/bin/sh\necho waiting\nsleep 60\n")
    path.chmod(0o755)
    bench.path = f"{folder}{os.pathsep}{bench.path}"


def test_whoever_asks_for_what_is_no_ref_is_refused_at_the_mirror(
    bench: Bench, tmp_path: Path
) -> None:
    shop = make_repository(tmp_path / "shop", {"app.json": "{}"})
    for ref in ("--upload-pack=x", "main:refs/tags/x", "a\nb", "+main", ""):
        with pytest.raises((Refused, StageFailed)) as failed:
            bench.fetch(shop, ref)
        known = {Problem.REF_SHAPE, Problem.GIT_REF_NOT_FOUND}
        assert failed.value.problem_detail.problem in known


def test_a_host_offers_no_refs_that_could_not_be_released(bench: Bench, tmp_path: Path) -> None:
    shop = make_repository(tmp_path / "shop", {"app.json": "{}"})
    for ref in ("heads/--help", "heads/ma\u202ein", "tags/v\x9b2J", "tags/v1", "heads/登录"):
        git(shop, "update-ref", f"refs/{ref}", "HEAD")
    assert refs(bench.git(), Repository(str(shop))) == Refs(("main", "登录"), ("v1",))


def test_a_tag_that_a_branch_hides_is_offered_by_its_full_name(bench: Bench, shop: Path) -> None:
    git(shop, "tag", "v1")
    git(shop, "tag", "v2")
    switch(shop, "v1")
    evil = commit(shop, {"evil.js": ""})
    place = Repository(str(shop))
    found = refs(bench.git(), place)
    assert found == Refs(("main", "v1"), ("refs/tags/v1", "v2"))
    assert bench.fetch(place, found.tags[0]).commit.id != evil


def test_every_name_that_is_offered_can_be_released(bench: Bench, tmp_path: Path) -> None:
    """Issue 12, number 9: `-x`, a name that reads as a commit's id, a name of a full ref."""
    repository = make_repository(tmp_path / "odd", {"app.json": "{}"})
    head = git(repository, "rev-parse", "HEAD").strip()
    odd = ("-x", "a" * 40, "refs/heads/main", "good", "deadbee", "feature/-x", "x\u3000")
    for name in odd:
        for kind in ("heads", "tags"):
            git(repository, "update-ref", f"refs/{kind}/{name}", head)
    place = Repository(str(repository))
    found = refs(bench.git(), place)
    assert {"good", "deadbee", "feature/-x"} <= set(found.branches)
    assert {f"refs/tags/{name}" for name in found.branches} == {*found.tags, "refs/tags/main"}
    assert not {"-x", "a" * 40, "refs/heads/main", "x\u3000"} & {*found.branches, *found.tags}
    for name in (*found.branches, *found.tags):
        assert bench.fetch(place, name).commit.id == head
