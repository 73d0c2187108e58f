import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import pytest

from mprelease.domain.errors import ReleaseCanceled
from mprelease.process.tree import Exit, Stop, SupervisorLost, run
from process_trees import FollowedRelease, living, output, python, shell, wait_until

pytestmark = pytest.mark.lasting

# Ends by SIGKILL alone.
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('up', flush=True); time.sleep(300)"
)


def stubborn(mark: str) -> str:
    return f'{sys.executable} -I -c "{STUBBORN}" {mark}'


@pytest.fixture
def mark() -> str:
    return f"mark-{uuid4().hex}"


def test_the_tree_is_gone_at_the_time_limit(mark: str) -> None:
    began = time.monotonic()
    ended, _ = output(shell(stubborn(mark), time_limit=0.5))
    assert ended.timed_out
    assert not ended.stopped
    assert time.monotonic() - began < 4
    assert living(mark) == []


def test_a_polite_command_is_gone_at_once_after_a_cancel() -> None:
    watched = FollowedRelease(shell("echo up; exec sleep 300"))
    wait_until(lambda: watched.lines == ["up"])
    ended, seconds = watched.cancel()
    assert ended == Exit(143, timed_out=False, stopped=True)
    assert seconds < 1


def test_a_grandchild_that_called_setsid_is_gone_after_a_cancel(mark: str) -> None:
    watched = FollowedRelease(shell(f"setsid {stubborn(mark)} & wait"))
    wait_until(lambda: watched.lines == ["up"])
    ended, seconds = watched.cancel()
    assert ended.stopped
    assert seconds < 4
    assert living(mark) == []


def test_a_daemon_does_not_outlive_its_command_nor_hold_it_up(mark: str) -> None:
    watched = FollowedRelease(shell(f"(setsid {stubborn(mark)} &) ; read word; exit 3"))
    wait_until(lambda: watched.lines == ["up"])
    began = time.monotonic()
    watched.running.send("end")
    assert watched.running.wait() == Exit(3, timed_out=False, stopped=False)
    assert time.monotonic() - began < 4
    assert living(mark) == []


def test_stopped_children_are_gone_after_a_cancel(mark: str) -> None:
    watched = FollowedRelease(shell(f"{stubborn(mark)} & wait"))
    wait_until(lambda: watched.lines == ["up"])
    for pid in living(mark):
        os.kill(pid, signal.SIGSTOP)
    assert watched.cancel()[0].stopped
    assert living(mark) == []


def test_a_process_whose_first_thread_has_ended_is_gone_too(mark: str) -> None:
    script = (
        "import ctypes, threading, time; print('up', flush=True);"
        "threading.Thread(target=time.sleep, args=(300,)).start();"
        "ctypes.CDLL(None).pthread_exit(None)"
    )
    watched = FollowedRelease(python(script, mark))
    wait_until(lambda: watched.lines == ["up"])
    assert watched.cancel()[0].stopped
    assert living(mark) == []


def test_fifty_processes_that_keep_forking_are_gone_after_a_cancel(mark: str) -> None:
    script = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "for n in range(49):\n"
        "    if os.fork(): continue\n"
        "    os.setsid() if n % 2 else None\n"
        "    while True:\n"
        "        if os.fork(): os._exit(0)\n"
        "        time.sleep(0.05)\n"
        "print('up', flush=True)\n"
        "time.sleep(300)\n"
    )
    watched = FollowedRelease(python(script, mark))
    wait_until(lambda: watched.lines == ["up"])
    ended, seconds = watched.cancel()
    assert ended.stopped
    assert seconds < 5
    assert living(mark) == []


def test_the_tree_is_gone_when_the_worker_is_killed(mark: str) -> None:
    worker = start_worker(mark)
    worker.kill()
    worker.wait()
    wait_until(lambda: living(mark) == [], seconds=3)


def test_a_stopped_worker_does_not_extend_the_time_limit(mark: str) -> None:
    worker = start_worker(mark, time_limit=1)
    worker.send_signal(signal.SIGSTOP)
    wait_until(lambda: living(mark) == [worker.pid], seconds=5)
    worker.kill()
    worker.wait()


def test_a_new_time_limit_counts_from_when_it_is_given(mark: str) -> None:
    watched = FollowedRelease(shell(stubborn(mark), time_limit=60))
    wait_until(lambda: watched.lines == ["up"])
    began = time.monotonic()
    watched.running.limit(0.5)
    assert watched.running.wait().timed_out
    assert 0.5 <= time.monotonic() - began < 4
    assert living(mark) == []


def test_a_new_time_limit_can_be_longer_than_the_first() -> None:
    watched = FollowedRelease(shell("sleep 3; exit 3", time_limit=2))
    watched.running.limit(20)
    assert watched.running.wait() == Exit(3, timed_out=False, stopped=False)


def test_a_time_limit_that_is_given_at_once_does_not_prevent_the_start() -> None:
    for _ in range(20):
        watched = FollowedRelease(shell("exit 3"))
        watched.running.limit(20)
        assert watched.running.wait().code == 3


def test_a_new_time_limit_holds_when_the_worker_is_stopped(mark: str) -> None:
    worker = start_worker(mark, new_limit=1)
    worker.send_signal(signal.SIGSTOP)
    wait_until(lambda: living(mark) == [worker.pid], seconds=5)
    worker.kill()
    worker.wait()


def test_a_new_time_limit_revives_nobody(mark: str) -> None:
    watched = FollowedRelease(shell(f"exec {stubborn(mark)}"))
    wait_until(lambda: watched.lines == ["up"])
    assert not watched.running.has_ended
    ended, seconds = watched.cancel()
    watched.running.limit(60)
    assert (ended.stopped, watched.running.has_ended) == (True, True)
    assert seconds < 4
    assert living(mark) == []


def test_a_supervisor_that_is_asked_by_a_signal_ends_its_tree(mark: str) -> None:
    watched = FollowedRelease(shell(f"{stubborn(mark)} & wait"))
    wait_until(lambda: watched.lines == ["up"])
    os.kill(supervisor_of(mark), signal.SIGTERM)
    assert not watched.running.wait().stopped
    assert living(mark) == []


def test_a_stuck_supervisor_cannot_prevent_a_cancel(mark: str) -> None:
    watched = FollowedRelease(shell(f"setsid {stubborn(mark)} & wait"))
    wait_until(lambda: watched.lines == ["up"])
    os.kill(supervisor_of(mark), signal.SIGSTOP)
    ended, seconds = watched.cancel()
    assert ended == Exit(137, timed_out=False, stopped=True)
    assert seconds < 5
    assert living(mark) == []


def test_a_killed_supervisor_is_no_success(mark: str) -> None:
    watched = FollowedRelease(shell(f"exec {stubborn(mark)}"))
    wait_until(lambda: watched.lines == ["up"])
    os.kill(supervisor_of(mark), signal.SIGKILL)
    with pytest.raises(SupervisorLost):
        watched.running.wait()
    wait_until(lambda: living(mark) == [])


def test_a_cancel_before_the_start_runs_nothing(tmp_path: Path) -> None:
    stop = Stop()
    stop.ask(ReleaseCanceled())
    ended = run(shell("touch here", folder=tmp_path), stop=stop, on_line=print)
    assert ended.stopped
    assert list(tmp_path.iterdir()) == []


def test_what_a_listener_raises_ends_the_tree_and_is_raised_by_wait(mark: str) -> None:
    def refuse(_line: str) -> None:
        raise ReleaseCanceled

    with pytest.raises(ReleaseCanceled):
        run(shell(f"{stubborn(mark)} & wait"), stop=Stop(), on_line=refuse)
    assert living(mark) == []


def test_only_the_first_reason_to_stop_counts() -> None:
    stop, first, called = Stop(), ReleaseCanceled(), list[str]()
    stop.on_ask(lambda: called.append("heard"))
    forget = stop.on_ask(lambda: called.append("forgotten"))
    forget()
    stop.raise_if_asked()
    stop.ask(first)
    stop.ask(ValueError())
    stop.on_ask(lambda: called.append("late"))
    assert called == ["heard", "late"]
    assert stop.reason is first
    with pytest.raises(ReleaseCanceled):
        stop.raise_if_asked()


def test_many_runs_leave_no_descriptor_open() -> None:
    output(shell("true"))
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        output(shell("true"))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def start_worker(
    mark: str, time_limit: float = 60, new_limit: float | None = None
) -> subprocess.Popen[bytes]:
    """Start a worker with a tree; return when that is up and has its new limit."""
    script = f"""
import sys
from pathlib import Path
from queue import SimpleQueue
from mprelease.process.command import Command
from mprelease.process.tree import Stop, start
script = "setsid sh -c 'trap \\"\\" TERM; echo up; while :; do sleep 1; done' {mark} & wait"
command = Command(("/bin/sh", "-c", script), Path("/"), {{"PATH": "/usr/bin:/bin"}}, {time_limit})
lines = SimpleQueue()
running = start(command, stop=Stop(), on_line=lines.put)
line = lines.get()
if {new_limit}:
    running.limit({new_limit})
print(line, flush=True)
running.wait()
"""
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    worker = subprocess.Popen(
        [sys.executable, "-c", script, mark], env=environment, stdout=subprocess.PIPE
    )
    assert worker.stdout
    assert worker.stdout.readline() == b"up\n"
    worker.stdout.close()
    return worker


def supervisor_of(mark: str) -> int:
    """Climb from a marked process to the supervisor."""
    pid = living(mark)[0]
    while b"mprelease.process.supervisor" not in Path(f"/proc/{pid}/cmdline").read_bytes():
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return pid
