"""Wake-up calls without Redis: in the process, and between the processes of one data folder."""

import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mprelease.domain.releases import State
from mprelease.engine import lease, local_dispatch
from mprelease.engine import worker as worker_module
from mprelease.engine.local_dispatch import LocalDispatch
from mprelease.services import releases
from mprelease.supervision import Backoff, LoopSupervisor
from worker_pool import WorkerPool, wait_until

LABELS = ("default",)
CALLER = """
import sys
from pathlib import Path
from mprelease.engine.local_dispatch import LocalDispatch

for _ in range(int(sys.argv[2])):
    LocalDispatch(Path(sys.argv[1])).wake("default")
"""


class Calls:
    """Counts wake-up calls."""

    def __init__(self) -> None:
        self.count = 0
        self.came = threading.Event()

    def on_wakeup(self) -> bool:
        self.count += 1
        self.came.set()
        return True


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A path that is longer than the address of a socket may be."""
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    return folder / "wakeup.socket"


@pytest.fixture
def listener(file: Path) -> Iterator[LocalDispatch]:
    made = LocalDispatch(file)
    yield made
    made.close()


def called(file: Path, times: int = 1) -> None:
    """Call from another process."""
    subprocess.run((sys.executable, "-c", CALLER, str(file), str(times)), check=True)


def test_within_a_process_a_call_is_received_at_once(listener: LocalDispatch) -> None:
    calls = Calls()
    listener.listen(LABELS, calls.on_wakeup)
    listener.wake("mac")
    assert not calls.count
    listener.wake("default")
    assert calls.count == 1


def test_a_call_of_another_process_is_received_at_once(file: Path, listener: LocalDispatch) -> None:
    calls = Calls()
    listener.listen(LABELS, calls.on_wakeup)
    called(file)
    assert calls.came.wait(0.5)


def test_calls_that_nobody_receives_are_dropped_without_waiting(file: Path) -> None:
    caller, receiver = LocalDispatch(file), LocalDispatch(file)
    caller.wake("default")  # there is no file
    receiver.listen(LABELS, Calls().on_wakeup)
    receiver.close()
    caller.wake("default")  # there is no process
    assert file.exists()
    LocalDispatch(file.parent / "nowhere" / file.name).wake("default")


def test_the_next_owner_of_the_folder_receives_what_comes_later(
    file: Path, listener: LocalDispatch
) -> None:
    former, calls = LocalDispatch(file), Calls()
    former.listen(LABELS, Calls().on_wakeup)
    listener.listen(LABELS, calls.on_wakeup)
    former.close()
    called(file)
    assert calls.came.wait(0.5)


def test_a_call_that_cannot_be_handled_ends_nothing(file: Path) -> None:
    loops, calls = LoopSupervisor(backoff=Backoff(0.01, 0.05)), Calls()

    def on_wakeup() -> bool:
        calls.on_wakeup()
        if calls.count == 1:
            raise RuntimeError
        return True

    listener, caller = LocalDispatch(file, loops), LocalDispatch(file)
    listener.listen(LABELS, on_wakeup)
    wait_until(lambda: bool(caller.wake("default") or calls.count > 1))
    listener.close()
    assert loops.failures.by_loop() == {"wake-up calls": 1}


def test_nobody_else_may_call(file: Path, listener: LocalDispatch) -> None:
    before = os.umask(0)
    try:
        listener.listen(LABELS, Calls().on_wakeup)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_many_calls_are_few_wake_ups(
    file: Path, listener: LocalDispatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_dispatch, "_REST_SECONDS", 0.2)
    calls = Calls()
    listener.listen(LABELS, calls.on_wakeup)
    began = time.monotonic()
    called(file, 2000)
    assert 1 <= calls.count <= 2 + (time.monotonic() - began) / 0.2


def test_a_folder_that_can_hold_no_socket_leaves_the_work_to_the_ticks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    listener, calls = LocalDispatch(tmp_path / "nowhere" / "wakeup.socket"), Calls()
    listener.listen(LABELS, calls.on_wakeup)
    listener.wake("default")
    listener.close()
    assert calls.count == 1
    assert "no wake-up calls of other processes" in caplog.text


@pytest.mark.lasting
@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_call_starts_a_release_and_ends_a_canceled_one_at_once(
    pool: WorkerPool, file: Path, listener: LocalDispatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "TICK_SECONDS", 60)
    monkeypatch.setattr(lease, "_BEAT_SECONDS", 30)
    worker = pool.worker(lease=60_000)
    listener.listen(LABELS, worker.on_wakeup)
    time.sleep(0.2)  # the slots have looked
    release_id = pool.request("build=60")
    LocalDispatch(file).wake("default")
    pool.becomes(release_id, State.RUNNING)
    wait_until(lambda: pool.release(release_id).stages[0].state != "pending")
    releases.cancel(pool.services, pool.who, release_id)
    LocalDispatch(file).wake("default")
    pool.becomes(release_id, State.CANCELED)
