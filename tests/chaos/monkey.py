"""What goes wrong: processes die, machines freeze, Redis and the database go away and come back."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

from chaos.deployments import LEASE_SECONDS, Deployment
from chaos.processes import ManagedProcess, ProcessGroup
from servers import Server

_BRIEF = (0.2 * LEASE_SECONDS, 0.7 * LEASE_SECONDS)
_LONG = (1.2 * LEASE_SECONDS, 2.0 * LEASE_SECONDS)
_DOWN = (0.2, 3.0)

Repair = Callable[[], None]


class Monkey:
    """Inject faults at random moments; `act` is called often, from one thread."""

    def __init__(
        self,
        processes: ProcessGroup,
        deployment: Deployment,
        chance: random.Random,
        pauses: tuple[float, float],
    ) -> None:
        """Take the processes, the random source, and the pauses between two faults in seconds."""
        self._processes = processes
        self._deployment = deployment
        self._chance = chance
        self._pauses = pauses
        self._next = time.monotonic() + chance.uniform(*pauses)
        self._repairs: list[tuple[float, Repair]] = []
        self._down: set[str] = set()
        self.done: Counter[str] = Counter()

    def act(self) -> None:
        """Undo the faults that are due, and inject one when it is time."""
        self._repair_due(time.monotonic())
        if time.monotonic() >= self._next:
            name = self._chance.choices(*self._weighted_faults())[0]
            if getattr(self, f"_{name}")():
                self.done[name.replace("_", " ")] += 1
            self._next = time.monotonic() + self._chance.uniform(*self._pauses)

    def repair_all(self) -> None:
        """Undo all faults."""
        self._repair_due(float("inf"))

    def _weighted_faults(self) -> tuple[list[str], list[int]]:
        weights = {
            "kill_worker": 6,
            "kill_machine": 2,
            "end_worker": 1,
            "freeze_worker_briefly": 2,
            "freeze_worker_long": 3,
            "freeze_machine_long": 2,
            "kill_submitter": 3,
            "freeze_submitter": 1,
        }
        if self._deployment.redis:
            weights |= {"kill_redis": 2, "freeze_redis": 1}
        if self._deployment.database:
            weights |= {"kill_database": 2, "freeze_database_briefly": 1, "freeze_database_long": 1}
        return list(weights), list(weights.values())

    def _kill_worker(self) -> bool:
        return self._to(self._processes.workers, self._processes.kill)

    def _kill_machine(self) -> bool:
        return self._to(self._processes.workers, partial(self._processes.kill, with_tree=True))

    def _end_worker(self) -> bool:
        return self._to(self._processes.workers, lambda process: process.send(signal.SIGTERM))

    def _freeze_worker_briefly(self) -> bool:
        return self._freeze(self._processes.workers, _BRIEF)

    def _freeze_worker_long(self) -> bool:
        return self._freeze(self._processes.workers, _LONG)

    def _freeze_machine_long(self) -> bool:
        return self._freeze(self._processes.workers, _LONG, to_all=True)

    def _kill_submitter(self) -> bool:
        return self._to(self._processes.submitters, self._processes.kill)

    def _freeze_submitter(self) -> bool:
        return self._freeze(self._processes.submitters, _BRIEF)

    def _kill_redis(self) -> bool:
        return self._take_down(self._deployment.redis)

    def _freeze_redis(self) -> bool:
        return self._hang(self._deployment.redis, _BRIEF)

    def _kill_database(self) -> bool:
        return self._take_down(self._deployment.database)

    def _freeze_database_briefly(self) -> bool:
        return self._hang(self._deployment.database, _BRIEF)

    def _freeze_database_long(self) -> bool:
        return self._hang(self._deployment.database, _LONG)

    def _to(self, targets: list[ManagedProcess], action: Callable[[ManagedProcess], None]) -> bool:
        able = [process for process in targets if process.is_alive and not process.is_frozen]
        if able:
            action(self._chance.choice(able))
        return bool(able)

    def _freeze(
        self, targets: list[ManagedProcess], span: tuple[float, float], *, to_all: bool = False
    ) -> bool:
        def freeze(process: ManagedProcess) -> None:
            process.send(signal.SIGSTOP, to_all=to_all)
            process.is_frozen = True
            self._later(span, partial(thaw, process))

        def thaw(process: ManagedProcess) -> None:
            process.is_frozen = False
            if process.is_alive:
                process.send(signal.SIGCONT, to_all=to_all)

        return self._to(targets, freeze)

    def _take_down(self, server: Server | None) -> bool:
        if server is None or server.url in self._down:
            return False
        self._down.add(server.url)
        server.kill()
        self._later(_DOWN, partial(self._bring_back, server, server.start))
        return True

    def _hang(self, server: Server | None, span: tuple[float, float]) -> bool:
        if server is None or server.url in self._down:
            return False
        self._down.add(server.url)
        server.pause()
        self._later(span, partial(self._bring_back, server, server.resume))
        return True

    def _bring_back(self, server: Server, how: Repair) -> None:
        how()
        self._down.remove(server.url)

    def _later(self, span: tuple[float, float], action: Repair) -> None:
        self._repairs.append((time.monotonic() + self._chance.uniform(*span), action))

    def _repair_due(self, now: float) -> None:
        due = [action for at, action in self._repairs if at <= now]
        self._repairs = [(at, action) for at, action in self._repairs if at > now]
        for action in due:
            action()
