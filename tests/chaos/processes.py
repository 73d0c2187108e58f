"""The processes that are killed and frozen; each is restarted, as by a service supervisor."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from chaos.deployments import Deployment
from mprelease.process.process_table import descendants

_RESTART_SECONDS = (0.1, 1.5)
_GRACE_SECONDS = 10.0


@dataclass
class ManagedProcess:
    """One process; when it dies before its work is done, it is started again a little later."""

    name: str
    deployment: Deployment
    arguments: Sequence[str]
    has_an_end: bool = False
    starts: int = 0
    is_frozen: bool = False
    _process: "subprocess.Popen[bytes] | None" = None
    _restart_at: float = 0.0

    @property
    def log(self) -> Path:
        """Return the log of all its starts."""
        return self.deployment.folder / f"{self.name}.log"

    @property
    def is_alive(self) -> bool:
        """Return whether it runs, or would if it were not frozen."""
        return self._process is not None and self._process.poll() is None

    @property
    def is_done(self) -> bool:
        """Return whether it has ended by itself, in good order, and is to do so."""
        return self.has_an_end and self._process is not None and self._process.poll() == 0

    def start(self) -> None:
        """Start the process."""
        self.starts += 1
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                # The kernel ends it when we are gone, however that came.
                ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", *self.arguments],
                env=dict(self.deployment.environment(self.name)),
                cwd=self.deployment.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def keep(self, chance: random.Random) -> None:
        """Start it again some time after a death."""
        if self.is_alive or self.is_done:
            self._restart_at = 0.0
        elif not self._restart_at:
            self._restart_at = time.monotonic() + chance.uniform(*_RESTART_SECONDS)
        elif time.monotonic() > self._restart_at:
            self._restart_at = 0.0
            self.start()

    def process_tree(self) -> list[int]:
        """List the process and all that it has started."""
        assert self._process
        return [self._process.pid, *(each.pid for each in descendants(self._process.pid))]

    def send(self, number: signal.Signals, *, to_all: bool = False) -> None:
        """Send a signal to the process, or to the whole tree at once, as a machine would fail."""
        assert self._process
        for pid in self.process_tree() if to_all else [self._process.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def end(self) -> None:
        """End it in good order, or else at once."""
        if self._process is None:
            return
        self.send(signal.SIGCONT, to_all=True)
        self._process.terminate()
        try:
            self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@dataclass
class ProcessGroup:
    """All processes of a run."""

    workers: list[ManagedProcess]
    submitters: list[ManagedProcess]
    chance: random.Random
    # Processes below a killed worker, with the time by which they must have ended.
    expected_ended: dict[tuple[int, str], float] = field(default_factory=dict)
    left_behind: int = 0

    @property
    def all_processes(self) -> list[ManagedProcess]:
        """Return all processes."""
        return [*self.workers, *self.submitters]

    @property
    def has_requested_all(self) -> bool:
        """Return whether every submitter has requested all of its releases."""
        return all(process.is_done for process in self.submitters)

    def start(self) -> None:
        """Begin."""
        for process in self.all_processes:
            process.start()

    def keep(self) -> None:
        """Bring the dead back; look whether a dead worker's processes are gone."""
        for process in self.all_processes:
            process.keep(self.chance)
        self._look_back()

    def kill(self, process: ManagedProcess, *, with_tree: bool = False) -> None:
        """Kill a process at once; remember what it had started."""
        gone_by = time.monotonic() + 5
        born = {(pid, _birth(pid)): gone_by for pid in process.process_tree()[1:]}
        self.expected_ended |= {one: at for one, at in born.items() if one[1]}
        process.send(signal.SIGKILL, to_all=with_tree)

    def survivors(self) -> int:
        """Count the processes that outlived their killed worker."""
        return sum(_birth(pid) == birth for pid, birth in self.expected_ended)

    def end(self) -> None:
        """End all processes in good order."""
        for process in self.all_processes:
            process.end()

    def _look_back(self) -> None:
        now = time.monotonic()
        late = [one for one, gone_by in self.expected_ended.items() if gone_by < now]
        for pid, birth in late:
            del self.expected_ended[pid, birth]
            self.left_behind += _birth(pid) == birth


def until(holds: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition holds; return whether it did in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _birth(pid: int) -> str:
    """Return the start time of a process, which identifies it with its id; "" if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]
