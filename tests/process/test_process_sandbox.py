import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from mprelease.domain.errors import ReleaseCanceled, StageFailed
from mprelease.domain.problems import Problem
from mprelease.domain.sandbox import SandboxMode, SandboxPolicy, UidRange
from mprelease.process.bubblewrap import Mount
from mprelease.process.build_users import BuildUsers, ClaimedUser
from mprelease.process.command import Command
from mprelease.process.ownership import chown_tree, why_unreachable
from mprelease.process.sandbox import (
    Bubblewrap,
    OtherUser,
    Sandbox,
    SandboxSetup,
    Unconfined,
    choose,
)
from mprelease.process.tree import Stop, start
from needs import needs
from process_trees import PATH, living, output, shell, wait_until

SYSTEM_PYTHON = Path("/usr/bin/python3")
SCANNER = Path(__file__).with_name("key_scanner.py")

USERS = BuildUsers(UidRange(59000, 59255))
MACHINE = SandboxSetup(USERS if os.geteuid() == 0 and not USERS.why_unusable() else None)
found = choose(SandboxPolicy.AUTO, MACHINE)
bwrap = needs(
    "bubblewrap that may make namespaces",
    "apt-get install -y bubblewrap",
    there=found.mode is SandboxMode.BWRAP,
)
root = needs("root", "run the tests as root", there=os.geteuid() == 0)
system_python = needs(
    str(SYSTEM_PYTHON), "apt-get install -y python3", there=SYSTEM_PYTHON.exists()
)


@pytest.fixture
def place() -> Iterator[Path]:
    """Make a folder that other users may pass through, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def tree(place: Path) -> Path:
    folder = place / "tree"
    folder.mkdir()
    return folder


@pytest.fixture
def user() -> Iterator[ClaimedUser | None]:
    """The user id of a build, where we may give one."""
    if MACHINE.users is None:
        yield None
        return
    with MACHINE.users.claim() as claimed:
        yield claimed


@pytest.fixture
def uid(user: ClaimedUser | None) -> int | None:
    return user.uid if user else None


def given(folder: Path, uid: int | None) -> Mount:
    """Let a confined command write to a folder."""
    if uid is not None:
        chown_tree(folder, uid)
    return Mount(folder, folder, writable=True)


class Victim:
    """A process of ours that has the key in its environment, its memory and an open file."""

    def __init__(self, data: Path) -> None:
        data.mkdir(mode=0o700)
        key = f"upload-key-{uuid4().hex}"
        self.data = data
        # Readable by all: in mode user the folder alone must keep it.
        (data / "key").write_text(key)
        script = "import sys; file = open(sys.argv[1]); key = file.read(); file.seek(0);"
        script += "print('up', flush=True); sys.stdin.read()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", script, str(data / "key")],
            env={"UPLOAD_KEY": key},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout
        self.process.stdout.readline()


@pytest.fixture
def victim(place: Path) -> Iterator[Victim]:
    victim = Victim(place / "data")
    yield victim
    victim.process.communicate()


def scan(
    sandbox: Sandbox, victim: Victim, tree: Path, uid: int | None, *readable: Path
) -> list[str]:
    shutil.copy(SCANNER, tree)
    (tree / SCANNER.name).chmod(0o644)
    words = (str(SYSTEM_PYTHON), "-I", "key_scanner.py", str(victim.process.pid), str(victim.data))
    command = Command(words, tree, {"PATH": PATH}, 60, uid)
    mounts = (given(tree, uid), *(Mount(path, path) for path in readable))
    ended, lines = output(sandbox.confine(command, mounts))
    assert ended.code == 0, lines
    return lines


@system_python
def test_without_a_sandbox_the_scanner_finds_the_key(victim: Victim, tree: Path) -> None:
    lines = scan(Unconfined("a test"), victim, tree, None)
    assert {"found: disk", "found: environment", "found: descriptors"} <= set(lines)


@root
@system_python
def test_without_a_sandbox_the_scanner_of_root_reads_memory(victim: Victim, tree: Path) -> None:
    assert "found: memory" in scan(Unconfined("a test"), victim, tree, None)


@bwrap
@system_python
def test_in_bubblewrap_the_scanner_finds_nothing(
    victim: Victim, tree: Path, uid: int | None
) -> None:
    assert scan(found, victim, tree, uid) == ["done"]


@bwrap
@system_python
def test_in_bubblewrap_a_data_folder_inside_a_shown_folder_is_hidden(
    victim: Victim, tree: Path, uid: int | None
) -> None:
    assert isinstance(found, Bubblewrap)
    sandbox = replace(found, masked_paths=(victim.data,))
    assert scan(sandbox, victim, tree, uid, victim.data.parent) == ["done"]


@root
@system_python
def test_as_another_user_the_scanner_finds_nothing(
    victim: Victim, tree: Path, uid: int | None
) -> None:
    assert scan(OtherUser(USERS, "a test"), victim, tree, uid) == ["done"]


@bwrap
def test_in_bubblewrap_only_the_mounts_exist(place: Path, tree: Path, uid: int | None) -> None:
    (place / "tools").mkdir()
    (place / "unseen").mkdir()
    (tree / "objects").mkdir()
    script = f"ls {place}; touch a; touch objects/a; mv objects b; touch ../tools/a; touch /usr/a"
    mounts = (
        given(tree, uid),
        *(Mount(path, path) for path in (place / "tools", tree / "objects")),
    )
    command = replace(shell(script, folder=tree), user=uid)
    _, lines = output(found.confine(command, mounts))
    assert lines[:2] == ["tools", "tree"]
    assert sorted(path.name for path in tree.iterdir()) == ["a", "objects"]
    assert list((tree / "objects").iterdir()) == []
    assert list((place / "tools").iterdir()) == []


@bwrap
def test_a_folder_is_found_where_its_mount_says(tree: Path, uid: int | None) -> None:
    there = Path("/build/0123/tree")
    command = replace(shell("pwd; touch a; ls -d /build/*/*", folder=there), user=uid)
    mount = replace(given(tree, uid), target=there)
    assert output(found.confine(command, (mount,)))[1] == [str(there), str(there)]
    assert (tree / "a").is_file()


@bwrap
def test_in_bubblewrap_no_capability_is_left(uid: int | None) -> None:
    script = "grep -E 'Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status | cut -f2 | sort -u"
    command = replace(shell(script), user=uid)
    assert output(found.confine(command, ()))[1] == ["0000000000000000"]


@bwrap
def test_in_bubblewrap_nothing_in_proc_can_be_written(uid: int | None) -> None:
    script = "find /proc/sys -type f -writable | head; echo x > /proc/sys/kernel/core_pattern"
    _, lines = output(found.confine(replace(shell(script), user=uid), ()))
    assert len(lines) == 1
    assert "core_pattern" in lines[0]


@bwrap
@root
def test_a_build_of_root_is_not_root_even_by_number(tree: Path, uid: int | None) -> None:
    script = "id -u; id -g; id -G; cp /bin/true x; chmod 4755 x; grep NoNewPrivs /proc/self/status"
    command = replace(shell(script, folder=tree), user=uid)
    _, lines = output(found.confine(command, (given(tree, uid),)))
    assert lines == [*[str(uid)] * 3, "NoNewPrivs:\t1"]
    assert (tree / "x").stat().st_uid == uid


@root
def test_as_root_nothing_is_confined_without_a_user_of_its_own() -> None:
    with pytest.raises(ValueError, match="its own user id"):
        Bubblewrap(Path("/usr/bin/bwrap"), users=USERS).confine(shell("true"), ())


@bwrap
def test_in_bubblewrap_of_usr_and_opt_only_programs_and_libraries_are_seen(
    uid: int | None,
) -> None:
    command = replace(
        shell("ls -d /opt/* /usr/src /usr/local/etc /srv /root /home /var/lib"), user=uid
    )
    ended, lines = output(found.confine(command, ()))
    assert ended.code != 0
    assert not [line for line in lines if line.startswith("/")], lines


@bwrap
@pytest.mark.parametrize(("script", "code"), [("exit 7", 7), ("kill -9 $$", 137)])
def test_the_exit_code_comes_out_of_bubblewrap(script: str, code: int, uid: int | None) -> None:
    command = replace(shell(script), user=uid)
    assert output(found.confine(command, ()))[0].code == code


@bwrap
def test_events_and_input_pass_through_bubblewrap(uid: int | None) -> None:
    lines: list[str] = []
    events: list[str] = []
    script = replace(shell("echo ready >&3; read word; echo $word"), user=uid)
    command = found.confine(script, ())
    running = start(command, stop=Stop(), on_line=lines.append, on_event=events.append)
    running.send("go")
    running.wait()
    assert (events, lines) == (["ready"], ["go"])


@bwrap
def test_bubblewrap_itself_loads_no_library_that_a_build_names(uid: int | None) -> None:
    command = shell("env", environment={"LD_PRELOAD": "/evil.so", "NAME": "value"})
    confined = found.confine(replace(command, user=uid), ())
    assert "LD_PRELOAD" not in confined.environment
    assert "NAME=value" in output(confined)[1]


@bwrap
def test_a_tree_in_bubblewrap_is_gone_after_a_cancel(uid: int | None) -> None:
    mark = f"mark-{uuid4().hex}"
    stop = Stop()
    lines: list[str] = []
    script = f"setsid sh -c 'trap \"\" TERM; echo up; while :; do sleep 1; done' {mark} & wait"
    command = found.confine(replace(shell(script), user=uid), ())
    running = start(command, stop=stop, on_line=lines.append)
    wait_until(lambda: lines == ["up"])
    stop.ask(ReleaseCanceled())
    assert running.wait().stopped
    assert living(mark) == []


@root
def test_another_user_may_write_to_what_was_given(tree: Path, uid: int) -> None:
    (tree / "src").mkdir()
    (tree / "src/a").write_text("old")
    command = replace(shell("echo new > src/a; id -u; id -G", folder=tree), user=uid)
    ended, lines = output(OtherUser(USERS, "a test").confine(command, (given(tree, uid),)))
    assert (ended.code, lines) == (0, [str(uid), str(uid)])
    assert (tree / "src/a").read_text() == "new\n"


@root
def test_another_user_can_neither_change_nor_rename_what_stays_ours(tree: Path, uid: int) -> None:
    (tree / ".git").mkdir()
    (tree / ".git/HEAD").write_text("ref")
    (tree / "a").write_text("theirs")
    chown_tree(tree, uid, ours=(tree / ".git",))
    script = "mv .git b; rm -r .git; echo x > .git/HEAD; rm a; touch c; ls -A"
    command = replace(shell(script, folder=tree), user=uid)
    mount = Mount(tree, tree, writable=True)
    _, lines = output(OtherUser(USERS, "a test").confine(command, (mount,)))
    assert lines[-2:] == [".git", "c"]
    assert (tree / ".git/HEAD").read_text() == "ref"


@root
def test_a_file_with_a_second_name_and_the_target_of_a_link_are_not_given(
    place: Path, tree: Path, uid: int
) -> None:
    (place / "object").write_text("of the mirror")
    (place / "key").write_text("secret")
    (tree / "object").hardlink_to(place / "object")
    (tree / "link").symlink_to(place / "key")
    chown_tree(tree, uid)
    assert (place / "object").stat().st_uid == 0
    assert (place / "key").stat().st_uid == 0


def test_a_folder_that_other_users_cannot_reach_is_named(place: Path, tree: Path) -> None:
    place.chmod(0o700)
    assert str(place) in why_unreachable(tree)


@root
def test_another_user_cannot_come_back_by_a_set_uid_program(tree: Path, uid: int) -> None:
    program = tree / "id"
    shutil.copy("/usr/bin/id", program)
    program.chmod(0o4755)
    command = replace(shell("./id -u", folder=tree), user=uid)
    assert output(OtherUser(USERS, "a test").confine(command, ()))[1] == [str(uid)]
    assert program.stat().st_mode & stat.S_ISUID


@pytest.mark.parametrize(
    "sandbox", [Bubblewrap(Path("/usr/bin/bwrap")), OtherUser(USERS, ""), Unconfined("")]
)
def test_a_link_that_a_build_left_in_the_way_is_refused(sandbox: Sandbox, tree: Path) -> None:
    (tree / ".git").symlink_to("/")
    writable = Mount(tree, tree, writable=True)
    for inner in (
        Mount(tree / ".git", tree / ".git"),
        Mount(Path("/usr"), tree / ".git/node_modules"),
    ):
        with pytest.raises(StageFailed) as failure:
            sandbox.confine(shell("true"), (writable, inner))
        assert failure.value.problem_detail.problem is Problem.LINK_LEADS_OUTSIDE
