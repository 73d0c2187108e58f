import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from confined import MODES, UID, limited, root, sandbox_of
from mprelease.domain.sandbox import SandboxMode
from mprelease.process.command import Command
from mprelease.process.tree import Stop, run
from needs import needs
from process_trees import FollowedRelease, output, python, shell, wait_until

pytestmark = pytest.mark.lasting

system_python = needs(
    "/usr/bin/python3", "apt-get install -y python3", there=Path("/usr/bin/python3").exists()
)
autogroups = needs(
    "autogroups", "boot a kernel that has them", there=Path("/proc/self/autogroup").exists()
)


def test_an_expendable_command_is_what_the_kernel_ends_first() -> None:
    command = replace(shell("cat /proc/self/oom_score_adj"), expendable=True)
    assert output(command)[1] == ["1000"]
    assert output(shell("cat /proc/self/oom_score_adj"))[1] == [
        Path("/proc/self/oom_score_adj").read_text().strip()
    ]


KEYS = """
import ctypes, os, sys
call = ctypes.CDLL(None).syscall
# The C library has no functions for these: add_key(2), keyctl(2).
add, control = {"x86_64": (248, 250), "aarch64": (217, 219)}[os.uname().machine]
session, join, search = ctypes.c_long(-3), 1, 10
"""
WITH_A_TICKET = f"""{KEYS}
assert call(control, join, None) > 0
assert call(add, b"user", b"ticket", b"x", 1, session) > 0
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
LOOK = f"{KEYS}print(call(control, search, session, b'user', b'ticket', 0) > 0)"
RUN = """
import sys
from pathlib import Path
from mprelease.process.command import Command
from mprelease.process.tree import Stop, run
command = Command(("/usr/bin/python3", "-I", "-c", sys.argv[1]), Path("/"), {}, 30, 48211)
run(command, stop=Stop(), on_line=print)
"""


@root
@system_python
def test_no_command_has_the_keys_of_the_session_in_which_we_were_started() -> None:
    words = [sys.executable, "-c", WITH_A_TICKET]
    found = subprocess.run([*words, "-c", LOOK], capture_output=True, text=True, check=True)
    assert found.stdout == "True\n"
    found = subprocess.run([*words, "-c", RUN, LOOK], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"


@root
@pytest.mark.parametrize("mode", MODES)
def test_a_confined_command_stays_expendable(mode: SandboxMode) -> None:
    script = (
        "echo 0 2>/dev/null >/proc/self/oom_score_adj;"
        "until grep -q 1000 /proc/self/oom_score_adj; do sleep 0.1; done"
    )
    command = replace(shell(script, user=UID, time_limit=5), expendable=True)
    assert output(sandbox_of(mode).confine(command, ()))[0].code == 0


def test_no_command_leaves_a_core_dump_to_a_file_or_a_program() -> None:
    script = "import resource; print(resource.getrlimit(resource.RLIMIT_CORE))"
    # One byte: to the kernel, 0 would still be a dump for a program that core_pattern names.
    assert output(python(script))[1] == ["(1, 1)"]


def test_a_build_gives_way_to_others() -> None:
    assert output(limited(shell("nice"), niceness=10))[1] == [str(os.nice(0) + 10)]


@autogroups
def test_a_new_session_gives_way_as_well() -> None:
    watched = FollowedRelease(
        limited(shell("setsid sh -c 'echo $$; sleep 60' & wait"), niceness=10)
    )
    wait_until(lambda: len(watched.lines) > 0)
    pid = watched.lines[0]
    try:
        wait_until(lambda: Path(f"/proc/{pid}/autogroup").read_text().endswith("nice 10\n"))
    finally:
        watched.cancel()


KILL_EVERYBODY = """
import os, signal
for pid in [int(each) for each in os.listdir('/proc') if each.isdecimal()]:
    if pid not in (1, os.getpid()) :
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            continue
        print('killed', pid)
print('done')
"""


@root
@pytest.mark.parametrize("mode", MODES)
def test_a_confined_command_can_signal_nobody_of_ours(mode: SandboxMode) -> None:
    words = ("/usr/bin/python3", "-I", "-c", KILL_EVERYBODY)
    command = Command(words, Path("/"), {}, 20, UID)
    ended, lines = output(sandbox_of(mode).confine(command, ()))
    assert (ended.code, lines) == (0, ["done"])


@pytest.mark.parametrize("number", [3, 1000])
def test_the_control_channel_does_not_reach_the_command(number: int) -> None:
    """Let the channel have a number that the command could guess, or that is far from others."""
    script = f"""
import os, sys
from pathlib import Path
from mprelease.process.command import Command
from mprelease.process.tree import Stop, start
for free in range(3, {number}):
    try:
        os.fstat(free)
    except OSError:
        os.open("/dev/null", os.O_RDONLY)
probe = "import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))"
words = (sys.executable, "-I", "-c", probe)
command = Command(words, Path("/"), {{}}, 20)
events = lambda line: None
start(command, stop=Stop(), on_line=print, on_event=events).wait()
"""
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    output = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    ).stdout
    # the last one is the folder that is being listed
    assert output == "[0, 1, 2, 3, 4]\n"


def test_a_command_that_reads_nothing_holds_its_order_up_no_longer_than_its_time() -> None:
    began = time.monotonic()
    ended = run(shell("sleep 60", time_limit=1), stop=Stop(), on_line=print, stdin="x" * (4 << 20))
    assert ended.timed_out
    assert time.monotonic() - began < 6


def test_a_flood_of_signals_of_the_dead_does_not_extend_the_time_limit() -> None:
    script = "while :; do (true &) ; done"
    began = time.monotonic()
    assert output(shell(script, time_limit=1))[0].timed_out
    assert time.monotonic() - began < 5


@root
@pytest.mark.parametrize("sweep", [True, False])
def test_what_runs_under_the_users_id_elsewhere_is_killed_where_that_is_asked(
    *, sweep: bool
) -> None:
    outside = subprocess.Popen(["/bin/sleep", "60"], user=UID, group=UID, extra_groups=[])
    try:
        output(replace(shell("true", user=UID), sweep_user=sweep))
        assert outside.poll() == (-signal.SIGKILL if sweep else None)
    finally:
        outside.kill()
        outside.wait()
