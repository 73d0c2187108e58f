import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.sandbox import UidRange
from mprelease.process.build_users import BuildUsers, why_unusable
from needs import needs
from process_trees import wait_until

pytestmark = pytest.mark.lasting

SYSTEM_PYTHON = Path("/usr/bin/python3")
root = needs("root", "run the tests as root", there=os.geteuid() == 0)
system_python = needs(
    str(SYSTEM_PYTHON), "apt-get install -y python3", there=SYSTEM_PYTHON.exists()
)
# Nobody else's: the tests of sandboxes take the first ones.
RANGE = UidRange(59200, 59203)

# Each process has forked its successor, and killed whoever would kill it, before it ends.
HOPPER = """
import os, signal, sys
sys.stdout.write("up\\n")
sys.stdout.flush()
while True:
    if os.fork():
        os._exit(0)
    os.setsid()
    if "fights" in sys.argv:
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            pass
"""
# Arguments: first and last id, and the folder of locks.
HOLDER = """
import sys
from pathlib import Path
from mprelease.domain.sandbox import UidRange
from mprelease.process.build_users import BuildUsers
claimed = BuildUsers(UidRange(*map(int, sys.argv[1:3])), Path(sys.argv[3])).claim()
print(claimed.uid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def locks(tmp_path: Path) -> Path:
    return tmp_path / "locks"


@pytest.fixture
def users(locks: Path) -> BuildUsers:
    return BuildUsers(RANGE, locks)


@contextmanager
def another_worker(locks: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    words = [sys.executable, "-c", HOLDER, str(RANGE.first), str(RANGE.last), str(locks)]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


def lives(uid: int) -> bool:
    try:
        os.getpriority(os.PRIO_USER, uid)
    except ProcessLookupError:
        return False
    return True


def started(uid: int, script: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a Python script under a user id, and wait for its first line."""
    process = subprocess.Popen(
        [str(SYSTEM_PYTHON), "-I", "-c", script, *arguments],
        user=uid,
        group=uid,
        extra_groups=[],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    with process.stdout:
        assert process.stdout.readline() == "up\n"
    return process


@root
def test_a_claim_gets_the_lowest_id_that_is_free(users: BuildUsers) -> None:
    with users.claim() as first, users.claim() as second:
        assert (first.uid, second.uid) == (59200, 59201)
        first.release()
        first.release()
        with users.claim() as third:
            assert third.uid == 59200


@root
def test_two_workers_of_one_machine_never_share_an_id(users: BuildUsers, locks: Path) -> None:
    with another_worker(locks) as (_, theirs), users.claim() as mine:
        assert (theirs, mine.uid) == (59200, 59201)


@root
def test_the_id_of_a_killed_worker_is_free_again(users: BuildUsers, locks: Path) -> None:
    with another_worker(locks) as (process, theirs):
        process.kill()
        process.wait()
        with users.claim() as mine:
            assert mine.uid == theirs


@root
def test_threads_never_share_an_id(locks: Path) -> None:
    users = BuildUsers(UidRange(59200, 59219), locks)
    with ThreadPoolExecutor(20) as pool, ExitStack() as ended:
        claims = list(pool.map(lambda _: ended.enter_context(users.claim()), range(20)))
        assert len({claim.uid for claim in claims}) == 20


@root
def test_a_range_that_is_used_up_is_refused_in_words(users: BuildUsers) -> None:
    with ExitStack() as ended:
        for _ in RANGE.ids:
            ended.enter_context(users.claim())
        with pytest.raises(Refused) as refused:
            users.claim()
    assert refused.value.problem_detail.problem is Problem.BUILD_UIDS_UNUSABLE
    assert refused.value.problem_detail.parameters["uids"] == "59200-59203"


@root
def test_an_id_that_a_directory_service_gives_to_somebody_is_passed_over(locks: Path) -> None:
    # getpwall does not list whom an LDAP directory knows; getpwuid finds them.
    theirs = max(each.pw_uid for each in pwd.getpwall() if each.pw_uid < 65534)
    users = BuildUsers(UidRange(theirs, theirs + 1), locks)
    with users.claim() as mine:
        assert mine.uid == theirs + 1


@root
def test_locks_that_cannot_be_made_are_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused) as refused:
        BuildUsers(RANGE, tmp_path / "file" / "locks").claim()
    assert refused.value.problem_detail.problem is Problem.BUILD_UIDS_UNUSABLE


@pytest.mark.parametrize(
    ("first", "last", "why"),
    [
        (0, 9, "between"),
        (59005, 59000, "between"),
        (65000, 65534, "between"),
        (100_000, 100_009, "between"),
        (61000, 61184, "systemd"),
        (60001, 60001, "systemd"),
        (60700, 60710, "systemd"),
        (1, 9, "daemon"),
    ],
)
def test_ids_that_somebody_else_may_have_are_not_usable(first: int, last: int, why: str) -> None:
    assert why in why_unusable(UidRange(first, last))


def test_the_range_of_the_settings_is_usable_on_a_common_machine() -> None:
    assert not why_unusable(UidRange(59000, 59255))


@root
def test_locks_where_others_may_write_are_not_used(users: BuildUsers, locks: Path) -> None:
    assert not users.why_unusable()
    locks.chmod(0o777)
    assert "not a private folder of this user" in users.why_unusable()


@root
def test_locks_behind_a_link_are_not_used(tmp_path: Path, users: BuildUsers, locks: Path) -> None:
    locks.symlink_to(tmp_path)
    assert "not a private folder of this user" in users.why_unusable()


@root
@system_python
@pytest.mark.parametrize("arguments", [(), ("fights",)])
def test_a_process_that_hops_from_fork_to_fork_does_not_outlive_its_user(
    users: BuildUsers, arguments: tuple[str, ...]
) -> None:
    claimed = users.claim()
    hopper = started(claimed.uid, HOPPER, *arguments)
    hopper.wait()
    assert lives(claimed.uid)
    claimed.release()
    # The last one's parent collects it.
    wait_until(lambda: not lives(claimed.uid))
    with users.claim() as again:
        assert again.uid == claimed.uid


@root
@system_python
def test_what_a_killed_worker_left_is_removed_before_the_id_is_given_again(
    users: BuildUsers, locks: Path
) -> None:
    left = Path("/tmp/mprelease-test-leftover")
    with another_worker(locks) as (process, theirs):
        left.write_text("planted")
        os.chown(left, theirs, theirs)
        script = "import time; print('up', flush=True); time.sleep(60)"
        survivor = started(theirs, script)
        process.kill()
        process.wait()
    with users.claim() as mine:
        assert mine.uid == theirs
        assert not left.exists()
        assert survivor.wait() == -9
