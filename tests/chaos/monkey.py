"""What goes wrong: processes die, machines freeze, Redis and the database go away and come back."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

from chaos.crew import Crew, Hand
from chaos.sites import LEASE_SECONDS, Site
from servers import Server

_BRIEF = (0.2 * LEASE_SECONDS, 0.7 * LEASE_SECONDS)
_LONG = (1.2 * LEASE_SECONDS, 2.0 * LEASE_SECONDS)
_DOWN = (0.2, 3.0)

AuditEntry = Callable[[], None]


class Monkey:
    """Do harm at random moments; `act` is called often, from one thread."""

    def __init__(
        self, crew: Crew, site: Site, chance: random.Random, pauses: tuple[float, float]
    ) -> None:
        """Take whom to harm, the source of chance, and how long to pause between two blows."""
        self._crew = crew
        self._site = site
        self._chance = chance
        self._pauses = pauses
        self._next = time.monotonic() + chance.uniform(*pauses)
        self._amends: list[tuple[float, AuditEntry]] = []
        self._ailing: set[str] = set()
        self.done: Counter[str] = Counter()

    def act(self) -> None:
        """Make good what is due, and do harm when it is time for it."""
        self._make_good(time.monotonic())
        if time.monotonic() >= self._next:
            name = self._chance.choices(*self._deeds())[0]
            if getattr(self, f"_{name}")():
                self.done[name.replace("_", " ")] += 1
            self._next = time.monotonic() + self._chance.uniform(*self._pauses)

    def relent(self) -> None:
        """Make everything good."""
        self._make_good(float("inf"))

    def _deeds(self) -> tuple[list[str], list[int]]:
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
        if self._site.redis:
            weights |= {"kill_redis": 2, "freeze_redis": 1}
        if self._site.database:
            weights |= {"kill_database": 2, "freeze_database_briefly": 1, "freeze_database_long": 1}
        return list(weights), list(weights.values())

    def _kill_worker(self) -> bool:
        return self._to(self._crew.workers, self._crew.kill)

    def _kill_machine(self) -> bool:
        return self._to(self._crew.workers, partial(self._crew.kill, with_tree=True))

    def _end_worker(self) -> bool:
        return self._to(self._crew.workers, lambda hand: hand.send(signal.SIGTERM))

    def _freeze_worker_briefly(self) -> bool:
        return self._freeze(self._crew.workers, _BRIEF)

    def _freeze_worker_long(self) -> bool:
        return self._freeze(self._crew.workers, _LONG)

    def _freeze_machine_long(self) -> bool:
        return self._freeze(self._crew.workers, _LONG, to_all=True)

    def _kill_submitter(self) -> bool:
        return self._to(self._crew.submitters, self._crew.kill)

    def _freeze_submitter(self) -> bool:
        return self._freeze(self._crew.submitters, _BRIEF)

    def _kill_redis(self) -> bool:
        return self._take_down(self._site.redis)

    def _freeze_redis(self) -> bool:
        return self._hang(self._site.redis, _BRIEF)

    def _kill_database(self) -> bool:
        return self._take_down(self._site.database)

    def _freeze_database_briefly(self) -> bool:
        return self._hang(self._site.database, _BRIEF)

    def _freeze_database_long(self) -> bool:
        return self._hang(self._site.database, _LONG)

    def _to(self, handovers: list[Hand], deed: Callable[[Hand], None]) -> bool:
        able = [hand for hand in handovers if hand.is_alive and not hand.is_frozen]
        if able:
            deed(self._chance.choice(able))
        return bool(able)

    def _freeze(
        self, handovers: list[Hand], span: tuple[float, float], *, to_all: bool = False
    ) -> bool:
        def freeze(hand: Hand) -> None:
            hand.send(signal.SIGSTOP, to_all=to_all)
            hand.is_frozen = True
            self._later(span, partial(thaw, hand))

        def thaw(hand: Hand) -> None:
            hand.is_frozen = False
            if hand.is_alive:
                hand.send(signal.SIGCONT, to_all=to_all)

        return self._to(handovers, freeze)

    def _take_down(self, server: Server | None) -> bool:
        if server is None or server.url in self._ailing:
            return False
        self._ailing.add(server.url)
        server.kill()
        self._later(_DOWN, partial(self._bring_back, server, server.start))
        return True

    def _hang(self, server: Server | None, span: tuple[float, float]) -> bool:
        if server is None or server.url in self._ailing:
            return False
        self._ailing.add(server.url)
        server.pause()
        self._later(span, partial(self._bring_back, server, server.resume))
        return True

    def _bring_back(self, server: Server, how: AuditEntry) -> None:
        how()
        self._ailing.remove(server.url)

    def _later(self, span: tuple[float, float], deed: AuditEntry) -> None:
        self._amends.append((time.monotonic() + self._chance.uniform(*span), deed))

    def _make_good(self, now: float) -> None:
        due = [deed for at, deed in self._amends if at <= now]
        self._amends = [(at, deed) for at, deed in self._amends if at > now]
        for deed in due:
            deed()
