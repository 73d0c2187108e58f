import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from confined import MODES, UID, limited, root, sandbox_of
from mprelease.domain.sandbox import SandboxMode
from mprelease.process.command import Command
from mprelease.process.limits import LimitName, ResourceLimits
from mprelease.process.tree import Exit
from mprelease.process.user_leftovers import remove_leftovers
from needs import needs
from process_trees import living, output, python, shell

pytestmark = pytest.mark.lasting

SYSTEM_PYTHON = Path("/usr/bin/python3")
system_python = needs(
    str(SYSTEM_PYTHON), "apt-get install -y python3", there=SYSTEM_PYTHON.exists()
)

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


DETACHED = """
import ctypes, time
libc = ctypes.CDLL(None)
libc.shmat.restype = ctypes.c_void_p
for _ in range(15):
    place = libc.shmat(libc.shmget(0, 10 << 20, 0o1600), None, 0)
    ctypes.memset(place, 1, 10 << 20)
    libc.shmdt(ctypes.c_void_p(place))
time.sleep(20)
"""


@root
@system_python
def test_memory_that_no_process_has_counts() -> None:
    words = (str(SYSTEM_PYTHON), "-I", "-c", DETACHED)
    command = replace(shell("", user=UID, time_limit=30), arguments=words)
    try:
        assert output(limited(command, memory=100))[0].limit is LimitName.MEMORY
    finally:
        remove_leftovers(UID, ())


def test_an_address_space_of_any_size_is_nobodys_business() -> None:
    no_reserve = 0x4000  # as WebAssembly asks for its memory: <sys/mman.h>
    flags = f"mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | {no_reserve}"
    script = f"import mmap, time; held = mmap.mmap(-1, 1 << 37, flags={flags}); time.sleep(1)"
    assert output(limited(python(script), memory=100))[0].code == 0


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
