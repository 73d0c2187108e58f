import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from mprelease.domain.sandbox import SandboxMode, SandboxPolicy, UidRange
from mprelease.process.build_users import BuildUsers
from mprelease.process.command import Command
from mprelease.process.limits import LimitName, ResourceLimits
from mprelease.process.removal import remove
from mprelease.process.sandbox import Machine, Sandbox, choose
from mprelease.process.tree import Exit, Stop, run, start
from needs import needs
from process_trees import Watched, living, output, python, shell, wait_until

pytestmark = pytest.mark.lasting

# Not of the range that other tests claim ids from, where nobody else kills what runs.
UID = 48211
MIB = 1 << 20
root = needs("root", "run the tests as root", there=os.geteuid() == 0)
autogroups = needs(
    "autogroups", "boot a kernel that has them", there=Path("/proc/self/autogroup").exists()
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder that everybody may write to, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    folder.chmod(0o777)
    yield folder
    remove(folder)


def limited(command: Command, **limits: int) -> Command:
    return replace(command, limits=ResourceLimits(**limits))


def writing(script: str, folder: Path, disk: int) -> Command:
    command = limited(python(script, folder=folder), disk=disk)
    return replace(command, disk_folders=(folder,))


# Memory


HOLD = "import sys, time; held = b'x' * ({mib} << 20); print('up', flush=True); time.sleep({rest})"


def test_a_tree_that_has_too_much_memory_is_ended_and_says_why() -> None:
    mark = f"mark-{uuid4().hex}"
    hog = f'{sys.executable} -I -c "{HOLD.format(mib=150, rest=60)}" {mark}'
    began = time.monotonic()
    ended, _ = output(limited(shell(f"setsid {hog} & wait"), memory=100))
    assert ended == Exit(137, timed_out=False, stopped=False, limit=LimitName.MEMORY)
    assert time.monotonic() - began < 5
    assert living(mark) == []


def test_processes_count_together() -> None:
    hog = f'{sys.executable} -I -c "{HOLD.format(mib=60, rest=60)}" & '
    assert output(limited(shell(hog * 3 + "wait"), memory=150))[0].limit is LimitName.MEMORY


def test_what_processes_share_counts_once() -> None:
    script = (
        "import os, time\n"
        "held = bytearray(b'x') * (80 << 20)\n"
        "for n in range(4):\n"
        "    if not os.fork():\n"
        "        break\n"
        "time.sleep(2)\n"
    )
    assert output(limited(python(script), memory=150))[0] == Exit(0, timed_out=False, stopped=False)


@pytest.mark.parametrize(
    "script",
    [
        "import mmap\nheld = mmap.mmap(-1, 150 << 20)\nheld.write(b'x' * (150 << 20))",
        # as if it were dead, to who looks at the process alone
        (
            "import ctypes, threading\nheld = b'x' * (150 << 20)\n"
            "threading.Thread(target=time.sleep, args=(60,)).start()\n"
            "ctypes.CDLL(None).pthread_exit(None)"
        ),
    ],
    ids=["shared", "first thread ended"],
)
def test_memory_cannot_be_hidden(script: str) -> None:
    ended, _ = output(limited(python(f"import time\n{script}\ntime.sleep(60)"), memory=100))
    assert ended.limit is LimitName.MEMORY


def test_an_address_space_of_any_size_is_nobodys_business() -> None:
    no_reserve = 0x4000  # as WebAssembly asks for its memory: <sys/mman.h>
    flags = f"mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | {no_reserve}"
    script = f"import mmap, time; held = mmap.mmap(-1, 1 << 37, flags={flags}); time.sleep(1)"
    assert output(limited(python(script), memory=100))[0].code == 0


# Processes


def test_a_tree_of_too_many_processes_is_ended_where_the_kernel_does_not_count() -> None:
    mark = f"mark-{uuid4().hex}"
    script = f"for n in $(seq 30); do sh -c 'sleep 60; : {mark}' & done; wait"
    ended, _ = output(limited(shell(script), processes=25))
    assert ended.limit is LimitName.PROCESSES
    assert living(mark) == []


def test_threads_count_as_processes() -> None:
    script = (
        "import threading, time\n"
        "for n in range(30): threading.Thread(target=time.sleep, args=(60,)).start()"
    )
    assert output(limited(python(script), processes=25))[0].limit is LimitName.PROCESSES


# It never ends by itself: only a process that cannot be refused would.
BOMB = (
    "import os, time\nwhile True:\n"
    "    try:\n        os.fork()\n    except OSError:\n        time.sleep(0.01)\n"
)


@root
def test_a_fork_bomb_is_held_by_the_kernel_and_ended() -> None:
    mark = f"mark-{uuid4().hex}"
    numbers: list[int] = []
    words = ("/usr/bin/python3", "-I", "-c", BOMB, mark)
    bomb = Command(words, Path("/"), {}, 20, UID, ResourceLimits(processes=200))
    ending = threading.Event()
    counter = threading.Thread(target=lambda: count_until(ending, mark, numbers))
    counter.start()
    began = time.monotonic()
    ended, _ = output(bomb)
    seconds = time.monotonic() - began
    ending.set()
    counter.join()
    assert (ended.limit, max(numbers) <= 200) == (LimitName.PROCESSES, True)
    assert seconds < 10
    assert living(mark) == []


def count_until(ending: threading.Event, mark: str, numbers: list[int]) -> None:
    while not ending.is_set():
        numbers.append(len(living(mark)))


def sandbox_of(mode: SandboxMode) -> Sandbox:
    users = BuildUsers(UidRange(48212, 48215))
    assert not users.why_unusable()
    path = os.defpath if mode is SandboxMode.BWRAP else ""
    return choose(SandboxPolicy.AUTO, Machine(users, path=path))


MODES = [SandboxMode.BWRAP, SandboxMode.USER]


@root
@pytest.mark.parametrize("mode", MODES)
def test_a_confined_command_is_refused_a_further_process(mode: SandboxMode) -> None:
    sandbox = sandbox_of(mode)
    script = (
        "import os, time\n"
        "try:\n"
        "    for n in range(40):\n"
        "        if not os.fork(): time.sleep(0.02); os._exit(0)\n"
        "except OSError as error: print(n, error.errno)\n"
    )
    words = ("/usr/bin/python3", "-I", "-c", script)
    command = Command(words, Path("/"), {}, 20, UID, ResourceLimits(processes=30))
    lines = output(sandbox.confine(command, ()))[1]
    assert sandbox.mode is mode
    assert lines == ["29 11"]


# Disk


def test_folders_that_hold_too_much_end_the_tree(folder: Path) -> None:
    script = (
        "import time\n"
        "for n in range(30):\n    open(f'f{n}', 'wb').write(b'x' * (1 << 20))\n"
        "print('written', flush=True); time.sleep(60)"
    )
    began = time.monotonic()
    ended, lines = output(writing(script, folder, disk=20))
    assert (ended.limit, lines) == (LimitName.DISK, ["written"])
    assert time.monotonic() - began < 6


@pytest.mark.parametrize(
    "script",
    [
        (
            "held = [open(f'f{n}', 'wb') for n in range(30)]\n"
            "for n, file in enumerate(held):\n"
            "    os.unlink(f'f{n}'); file.write(b'x' * (1 << 20)); file.flush()"
        ),
        "for n in range(6000): open(f'f{n}', 'w').close()",
        "for n in range(6000): os.symlink('/', f'f{n}')",
        (
            "for n in range(100):\n    os.mkdir('d' * 200); os.chdir('d' * 200)\n"
            "for n in range(30): open(f'f{n}', 'wb').write(b'x' * (1 << 20))"
        ),
        (
            "held = [os.memfd_create('x') for n in range(2)]\n"
            "for file in held: os.write(file, b'x' * (15 << 20))"
        ),
    ],
    ids=["deleted", "empty files", "links", "deep folders", "memory as a file"],
)
def test_space_cannot_be_hidden(script: str, folder: Path) -> None:
    ended, lines = output(writing(f"import os, time\n{script}\ntime.sleep(60)", folder, disk=20))
    assert (ended.limit, lines) == (LimitName.DISK, [])


@root
def test_what_a_user_leaves_where_everybody_may_write_counts(folder: Path) -> None:
    script = (
        "import os, tempfile, time\n"
        "place = tempfile.mkdtemp(dir='/tmp'); print(place, flush=True)\n"
        "for n in range(30): open(f'{place}/{n}', 'wb').write(b'x' * (1 << 20))\n"
        "time.sleep(60)"
    )
    command = writing(script, folder, disk=20)
    words = ("/usr/bin/python3", *command.arguments[1:])
    ended, lines = output(replace(command, arguments=words, user=UID))
    remove(Path(lines[0]))
    assert ended.limit is LimitName.DISK


def test_names_of_one_file_count_once_and_links_are_not_followed(folder: Path) -> None:
    script = (
        "import os, time\n"
        "open('one', 'wb').write(b'x' * (3 << 20))\n"
        "for n in range(20): os.link('one', f'also-{n}')\n"
        "os.symlink('/usr', 'usr')\n"
        "time.sleep(2.5)"
    )
    assert output(writing(script, folder, disk=8))[0] == Exit(0, timed_out=False, stopped=False)


def test_no_single_file_is_larger_than_all_may_be(folder: Path) -> None:
    script = "open('one', 'wb').write(b'x' * (9 << 20))"
    ended, lines = output(writing(script, folder, disk=8))
    assert (ended.code, lines[-1]) == (1, "OSError: [Errno 27] File too large")
    assert (folder / "one").stat().st_size == 8 * MIB


# Log


@pytest.mark.parametrize(
    "script",
    ["yes", "yes ''", "yes '' | tr '\\n' '\\r'", "yes | tr -d '\\n'"],
    ids=["lines", "empty lines", "returns", "a line without end"],
)
def test_a_command_that_writes_too_much_is_ended(script: str) -> None:
    ended, lines = output(limited(shell(script), log=1))
    assert (ended.limit, ended.stopped, ended.timed_out) == (LimitName.LOG, False, False)
    assert sum(map(len, lines)) <= MIB


def test_a_log_that_was_cut_is_no_success() -> None:
    ended, _ = output(
        limited(shell("trap 'exit 0' TERM PIPE; yes | head -c 1100000; exit 0"), log=1)
    )
    assert ended.limit is LimitName.LOG


def test_events_count_as_well() -> None:
    lines: list[str] = []
    command = limited(shell("yes >&3"), log=1)
    running = start(command, stop=Stop(), on_line=lines.append, on_event=lines.append)
    assert running.wait().limit is LimitName.LOG


def test_a_command_may_write_what_its_limit_says() -> None:
    ended, lines = output(limited(shell("yes 123456789012345 | head -n 20000"), log=1))
    assert (ended.limit, len(lines)) == (None, 20000)


@pytest.mark.parametrize("script", ["yes", "while :; do printf x; done"], ids=["lines", "bytes"])
def test_a_command_that_writes_without_end_leaves_others_their_time(script: str) -> None:
    watched = Watched(shell(script))
    wait_until(lambda: len(watched.lines) > 0 or script != "yes")
    before = reader_seconds()
    began = time.monotonic()
    wait_until(lambda: time.monotonic() - began > 4, seconds=6)
    spent = reader_seconds() - before
    watched.cancel()
    # a burst of a second, and a quarter from then on
    assert spent < 1 + 4 / 4 + 0.5


def reader_seconds() -> float:
    """Return the CPU time of the one thread that reads lines."""
    thread = next(each for each in threading.enumerate() if each.name == "lines")
    stat = Path(f"/proc/self/task/{thread.native_id}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


# What is less than others


def test_an_expendable_command_is_what_the_kernel_ends_first() -> None:
    command = replace(shell("cat /proc/self/oom_score_adj"), expendable=True)
    assert output(command)[1] == ["1000"]
    assert output(shell("cat /proc/self/oom_score_adj"))[1] == [
        Path("/proc/self/oom_score_adj").read_text().strip()
    ]


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
    watched = Watched(limited(shell("setsid sh -c 'echo $$; sleep 60' & wait"), niceness=10))
    wait_until(lambda: len(watched.lines) > 0)
    pid = watched.lines[0]
    try:
        wait_until(lambda: Path(f"/proc/{pid}/autogroup").read_text().endswith("nice 10\n"))
    finally:
        watched.cancel()


# What a command may do to its supervisor


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
    said = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    ).stdout
    # the last one is the folder that is being listed
    assert said == "[0, 1, 2, 3, 4]\n"


def test_a_command_that_reads_nothing_holds_its_order_up_no_longer_than_its_time() -> None:
    began = time.monotonic()
    ended = run(shell("sleep 60", time_limit=1), stop=Stop(), on_line=print, stdin="x" * (4 * MIB))
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
