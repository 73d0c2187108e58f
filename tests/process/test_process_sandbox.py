import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from mprelease.domain.errors import Refused, ReleaseCanceled, StageFailed
from mprelease.domain.problems import Problem
from mprelease.process.command import Command
from mprelease.process.sandbox import (
    NOBODY,
    Bubblewrap,
    OtherUser,
    Reach,
    Sandbox,
    SandboxMode,
    SandboxWish,
    Unconfined,
    choose,
)
from mprelease.process.tree import Stop, start
from needs import needs
from process_trees import PATH, living, output, shell, wait_until

SYSTEM_PYTHON = Path("/usr/bin/python3")
HUNTER = Path(__file__).with_name("hunter.py")

found = choose(SandboxWish.AUTO)
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


def hunt(sandbox: Sandbox, victim: Victim, tree: Path, *readable: Path) -> list[str]:
    shutil.copy(HUNTER, tree)
    sandbox.hand_over(tree)
    words = (str(SYSTEM_PYTHON), "-I", "hunter.py", str(victim.process.pid), str(victim.data))
    command = Command(words, tree, {"PATH": PATH}, 60)
    reach = Reach(writable=(tree,), readable=readable)
    ended, lines = output(sandbox.confine(command, reach))
    assert ended.code == 0, lines
    return lines


@system_python
def test_without_a_sandbox_the_hunter_finds_the_key(victim: Victim, tree: Path) -> None:
    lines = hunt(Unconfined("a test"), victim, tree)
    assert {"found: disk", "found: environment", "found: descriptors"} <= set(lines)


@root
@system_python
def test_without_a_sandbox_the_hunter_of_root_reads_memory(victim: Victim, tree: Path) -> None:
    assert "found: memory" in hunt(Unconfined("a test"), victim, tree)


@bwrap
@system_python
def test_in_bubblewrap_the_hunter_finds_nothing(victim: Victim, tree: Path) -> None:
    assert hunt(found, victim, tree) == ["done"]


@bwrap
@system_python
def test_in_bubblewrap_a_data_folder_inside_a_shown_folder_is_hidden(
    victim: Victim, tree: Path
) -> None:
    assert isinstance(found, Bubblewrap)
    sandbox = Bubblewrap(found.program, hidden=(victim.data,))
    assert hunt(sandbox, victim, tree, victim.data.parent) == ["done"]


@root
@system_python
def test_as_another_user_the_hunter_finds_nothing(victim: Victim, tree: Path) -> None:
    assert hunt(OtherUser(NOBODY, "a test"), victim, tree) == ["done"]


@bwrap
def test_in_bubblewrap_only_the_reach_exists(place: Path, tree: Path) -> None:
    (place / "tools").mkdir()
    (place / "unseen").mkdir()
    (tree / ".git").mkdir()
    script = f"ls {place}; touch a; touch .git/a || mv .git b || touch ../tools/a || touch /usr/a"
    reach = Reach(writable=(tree,), readable=(place / "tools",), frozen=(tree / ".git",))
    _, lines = output(found.confine(shell(script, folder=tree), reach))
    assert lines[:2] == ["tools", "tree"]
    assert sorted(path.name for path in tree.iterdir()) == [".git", "a"]
    assert list((tree / ".git").iterdir()) == []
    assert list((place / "tools").iterdir()) == []


@bwrap
def test_in_bubblewrap_no_capability_is_left() -> None:
    command = shell("grep -E 'Cap(Prm|Eff|Bnd)' /proc/self/status | cut -f2 | sort -u")
    assert output(found.confine(command, Reach()))[1] == ["0000000000000000"]


@bwrap
@pytest.mark.parametrize(("script", "code"), [("exit 7", 7), ("kill -9 $$", 137)])
def test_the_exit_code_comes_out_of_bubblewrap(script: str, code: int) -> None:
    assert output(found.confine(shell(script), Reach()))[0].code == code


@bwrap
def test_events_and_input_pass_through_bubblewrap() -> None:
    lines: list[str] = []
    events: list[str] = []
    command = found.confine(shell("echo ready >&3; read word; echo $word"), Reach())
    running = start(command, stop=Stop(), on_line=lines.append, on_event=events.append)
    running.send("go")
    running.wait()
    assert (events, lines) == (["ready"], ["go"])


@bwrap
def test_bubblewrap_itself_loads_no_library_that_a_build_names() -> None:
    command = shell("env", environment={"LD_PRELOAD": "/evil.so", "NAME": "value"})
    confined = found.confine(command, Reach())
    assert "LD_PRELOAD" not in confined.environment
    assert "NAME=value" in output(confined)[1]


@bwrap
def test_a_tree_in_bubblewrap_is_gone_after_a_cancel() -> None:
    mark = f"mark-{uuid4().hex}"
    stop = Stop()
    lines: list[str] = []
    script = f"setsid sh -c 'trap \"\" TERM; echo up; while :; do sleep 1; done' {mark} & wait"
    running = start(found.confine(shell(script), Reach()), stop=stop, on_line=lines.append)
    wait_until(lambda: lines == ["up"])
    stop.ask(ReleaseCanceled())
    assert running.wait().stopped
    assert living(mark) == []


@root
def test_another_user_may_write_to_what_was_handed_over(tree: Path) -> None:
    sandbox = OtherUser(NOBODY, "a test")
    (tree / "src").mkdir()
    (tree / "src/a").write_text("old")
    sandbox.hand_over(tree)
    command = shell("echo new > src/a; id -u; id -G", folder=tree)
    ended, lines = output(sandbox.confine(command, Reach(writable=(tree,))))
    assert (ended.code, lines) == (0, [str(NOBODY), str(NOBODY)])
    assert (tree / "src/a").read_text() == "new\n"


@root
def test_another_user_can_neither_change_nor_rename_what_is_frozen(tree: Path) -> None:
    sandbox = OtherUser(NOBODY, "a test")
    (tree / ".git").mkdir()
    (tree / ".git/HEAD").write_text("ref")
    (tree / "a").write_text("mine")
    sandbox.hand_over(tree, frozen=(tree / ".git",))
    script = "mv .git b; rm -r .git; echo x > .git/HEAD; rm a; touch c; ls -A"
    _, lines = output(sandbox.confine(shell(script, folder=tree), Reach(writable=(tree,))))
    assert lines[-2:] == [".git", "c"]
    assert (tree / ".git/HEAD").read_text() == "ref"


@root
def test_a_file_with_a_second_name_and_the_target_of_a_link_are_not_handed_over(
    place: Path, tree: Path
) -> None:
    (place / "object").write_text("of the mirror")
    (place / "key").write_text("secret")
    (tree / "object").hardlink_to(place / "object")
    (tree / "link").symlink_to(place / "key")
    OtherUser(NOBODY, "a test").hand_over(tree)
    assert (place / "object").stat().st_uid == 0
    assert (place / "key").stat().st_uid == 0


@root
def test_a_folder_that_another_user_cannot_reach_is_refused(place: Path, tree: Path) -> None:
    place.chmod(0o700)
    with pytest.raises(StageFailed) as failure:
        OtherUser(NOBODY, "a test").hand_over(tree)
    assert failure.value.trouble.problem is Problem.SANDBOX_MISSING
    assert str(place) in str(failure.value.trouble.parameters["detail"])


@root
def test_another_user_cannot_come_back_by_a_set_uid_program(tree: Path) -> None:
    program = tree / "id"
    shutil.copy("/usr/bin/id", program)
    program.chmod(0o4755)
    command = shell("./id -u", folder=tree)
    assert output(OtherUser(NOBODY, "a test").confine(command, Reach()))[1] == [str(NOBODY)]
    assert program.stat().st_mode & stat.S_ISUID


@pytest.mark.parametrize(
    "sandbox", [Bubblewrap(Path("/usr/bin/bwrap")), OtherUser(NOBODY, ""), Unconfined("")]
)
def test_a_link_that_a_build_left_in_the_way_is_refused(sandbox: Sandbox, tree: Path) -> None:
    (tree / ".git").symlink_to("/")
    with pytest.raises(StageFailed) as failure:
        sandbox.confine(shell("true"), Reach(writable=(tree,), frozen=(tree / ".git",)))
    assert failure.value.trouble.problem is Problem.LINK_LEADS_OUTSIDE


def test_off_leaves_the_command_as_it_is() -> None:
    sandbox = choose(SandboxWish.OFF)
    assert sandbox.mode is SandboxMode.OFF
    assert sandbox.confine(shell("true"), Reach()) == shell("true")


@bwrap
def test_required_is_met_by_bubblewrap() -> None:
    assert choose(SandboxWish.REQUIRED).mode is SandboxMode.BWRAP


@root
def test_root_without_bubblewrap_uses_another_user(tmp_path: Path) -> None:
    sandbox = choose(SandboxWish.AUTO, path=str(tmp_path))
    assert (sandbox.mode, sandbox.why_not_bwrap) == (SandboxMode.USER, "not installed")


@root
def test_a_bubblewrap_that_may_not_make_namespaces_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create a new namespace'; exit 1\n")
    broken.chmod(0o755)
    sandbox = choose(SandboxWish.AUTO, path=str(tmp_path))
    assert sandbox.mode is SandboxMode.USER
    assert sandbox.why_not_bwrap == "bwrap: No permissions to create a new namespace"


def test_a_required_sandbox_that_is_missing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert choose(SandboxWish.AUTO, path=str(tmp_path)).mode is SandboxMode.OFF
    with pytest.raises(Refused) as refusal:
        choose(SandboxWish.REQUIRED, path=str(tmp_path))
    assert refusal.value.trouble.parameters == {
        "detail": "bubblewrap: not installed; user 65534: not root"
    }
