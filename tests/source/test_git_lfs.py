"""Files that a repository keeps in Git LFS arrive as what they are (issue 12, number 14)."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from checkout_harness import CheckoutHarness
from git_host import GitHost, serving
from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.i18n import Language, Translator
from mprelease.process.tree import Stop
from mprelease.source.access import Access
from mprelease.source.git import Git
from mprelease.source.git_lfs import replace_pointers
from mprelease.source.mirror import Mirror
from mprelease.source.repository import Repository
from needs import needs
from repositories import commit, git, make_repository

pytestmark = pytest.mark.lasting

PICTURE = b"\x89PNG" + bytes(range(256)) * 40
OBJECT_ID = hashlib.sha256(PICTURE).hexdigest()
POINTER = (
    f"version https://git-lfs.github.com/spec/v1\noid sha256:{OBJECT_ID}\nsize {len(PICTURE)}\n"
)
FILES = {
    ".gitattributes": "*.png filter=lfs diff=lfs merge=lfs -text\n",
    "app.json": "{}",
    "images/logo.png": POINTER,
}
git_lfs = needs("git-lfs", "install it: apt-get install git-lfs")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GitHost]:
    make_repository(tmp_path / "host" / "shop.git", FILES)
    with serving(GitHost(tmp_path / "host", large_files={OBJECT_ID: PICTURE})) as served:
        yield served


def shop(host: GitHost, token: str | None = None) -> Repository:
    return Repository(f"{host.url}/shop.git", Access(token))


@git_lfs
def test_a_picture_in_git_lfs_is_checked_out_as_a_picture(
    harness: CheckoutHarness, host: GitHost
) -> None:
    for _ in range(2):
        harness.check_out(shop(host))
        assert (harness.tree / "images/logo.png").read_bytes() == PICTURE
    assert harness.names() == set(FILES)


@git_lfs
def test_it_is_fetched_with_the_access_of_the_repository(
    harness: CheckoutHarness, host: GitHost
) -> None:
    host.login = "oauth2:secret"
    harness.check_out(shop(host, "secret"))
    assert (harness.tree / "images/logo.png").read_bytes() == PICTURE


@git_lfs
def test_a_picture_that_changes_is_changed(harness: CheckoutHarness, host: GitHost) -> None:
    harness.check_out(shop(host))
    other = PICTURE + b"more"
    name = hashlib.sha256(other).hexdigest()
    host.large_files[name] = other
    text = POINTER.replace(OBJECT_ID, name).replace(str(len(PICTURE)), str(len(other)))
    commit(host.folder / "shop.git", {"images/logo.png": text})
    harness.check_out(shop(host))
    assert (harness.tree / "images/logo.png").read_bytes() == other


@git_lfs
def test_a_build_that_writes_to_it_leaves_the_next_checkout_as_it_was(
    harness: CheckoutHarness, host: GitHost
) -> None:
    harness.check_out(shop(host))
    with (harness.tree / "images/logo.png").open("r+b") as stream:
        stream.write(b"spoilt")
    harness.check_out(shop(host))
    assert (harness.tree / "images/logo.png").read_bytes() == PICTURE


@git_lfs
def test_a_repository_cannot_send_its_access_to_another_host(
    harness: CheckoutHarness, host: GitHost, tmp_path: Path
) -> None:
    host.login = "oauth2:secret"
    with serving(GitHost(tmp_path / "host", large_files={OBJECT_ID: PICTURE})) as other:
        commit(host.folder / "shop.git", {".lfsconfig": f"[lfs]\n\turl = {other.url}/x\n"})
        git(host.folder / "shop.git", "branch", "-f", "master")
        harness.check_out(shop(host, "secret"))
        assert other.requests == []


@git_lfs
def test_objects_that_the_host_does_not_have_leave_pointers_and_a_line(
    harness: CheckoutHarness, host: GitHost
) -> None:
    host.large_files.clear()
    harness.check_out(shop(host))
    assert (harness.tree / "images/logo.png").read_text() == POINTER
    assert any("Git LFS" in line for line in harness.lines)


@git_lfs
def test_a_repository_of_this_machine_has_its_objects_beside_it(
    harness: CheckoutHarness, tmp_path: Path
) -> None:
    local = make_repository(tmp_path / "local", FILES)
    place = local / ".git" / "lfs" / "objects" / OBJECT_ID[:2] / OBJECT_ID[2:4]
    place.mkdir(parents=True)
    (place / OBJECT_ID).write_bytes(PICTURE)
    harness.check_out(local)
    assert (harness.tree / "images/logo.png").read_bytes() == PICTURE


def test_without_git_lfs_the_log_says_so(
    harness: CheckoutHarness, host: GitHost, tmp_path: Path
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for folder in os.environ["PATH"].split(":"):
        for program in Path(folder).glob("git*"):
            if program.name != "git-lfs" and not (programs / program.name).exists():
                (programs / program.name).symlink_to(program)
    harness.path = str(programs)
    harness.check_out(shop(host))
    assert any("git-lfs" in line for line in harness.lines)


class FailingMirror:
    """A mirror whose host gives no large files."""

    path = Path("/nowhere")

    def __init__(self, failure: StageFailed) -> None:
        self._failure = failure

    def fetch_large_files(self, _: str) -> None:
        raise self._failure


def replaced(folder: Path, failure: StageFailed) -> list[str]:
    """Replace pointers whose objects cannot be fetched, and return the lines of the log."""
    lines: list[str] = []
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    one = Git(
        folder,
        {"PATH": os.environ["PATH"]},
        stop=Stop(),
        on_line=lines.append,
        time_limit=10,
        words=Translator(Language.CHINESE),
    )
    mirror = cast("Mirror", FailingMirror(failure))
    replace_pointers(one, mirror, "c", [folder / name for name in FILES], None)
    return lines


@git_lfs
@pytest.mark.parametrize(
    "problem",
    [Problem.DISK_LIMIT, Problem.MEMORY_LIMIT, Problem.DISK_FULL, Problem.TIME_LIMIT],
)
def test_a_limit_that_is_reached_while_fetching_is_told_as_that(
    tmp_path: Path, problem: Problem
) -> None:
    """Issue 12, number 14: the release was refused later, for a pointer."""
    with pytest.raises(StageFailed) as failure:
        replaced(tmp_path, StageFailed(problem, mebibytes=5, seconds=5))
    assert failure.value.problem_detail.problem is problem


@git_lfs
def test_why_files_stay_pointers_is_a_sentence(tmp_path: Path) -> None:
    """Issue 12, number 34: the log said `git_login_refused` inside a Chinese sentence."""
    refused = StageFailed(Problem.GIT_LOGIN_REFUSED, repository="https://git.example.com/web.git")
    lines = replaced(tmp_path, refused)
    assert len(lines) == 2
    assert "git_login_refused" not in "".join(lines)
    assert lines[1] == Translator(Language.CHINESE).of_problem(refused.problem_detail)
