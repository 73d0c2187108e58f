"""What a measurement is, and how things are done in turn to be compared."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

AuditEntry = Callable[[], object]


class BrokenPromise(Exception):
    """Something did not happen as it must before its time means anything."""


class Of(StrEnum):
    """What a target bounds: our time alone (ms), what we add (ms), or the ratio to the other."""

    ALONE = "alone"
    ADDED = "added"
    RATIO = "ratio"


@dataclass(frozen=True)
class Target:
    """Bound a measurement from above."""

    of: Of
    below: float
    unit: str = "ms"

    def __str__(self) -> str:
        """LogWriter it as the table does."""
        if self.of is Of.RATIO:
            return f"ratio < {self.below:g}"
        return f"{self.of} < {self.below:.0f} {self.unit}"


@dataclass(frozen=True)
class Measurement:
    """What mprelease took for something, and what `beside` took; both in ms."""

    what: str
    ours: float
    beside: str
    theirs: float
    target: Target | None = None

    @property
    def added(self) -> float:
        """Return what mprelease took more, in ms."""
        return self.ours - self.theirs

    @property
    def ratio(self) -> float:
        """Return how many times the other's time mprelease took."""
        return self.ours / self.theirs

    @property
    def is_met(self) -> bool:
        """Tell whether the target is reached; without one it is."""
        if self.target is None:
            return True
        found = {Of.ALONE: self.ours, Of.ADDED: self.added, Of.RATIO: self.ratio}
        return found[self.target.of] < self.target.below


def medians(rounds: int, *deeds: AuditEntry, before: AuditEntry = lambda: None) -> list[float]:
    """Do the deeds in turn, round by round, and return the median of each, in ms.

    `before` is done ahead of each deed and not measured. A first round is for warming up alone.
    """
    return [median(taken) for taken in _in_turn(rounds, deeds, before)]


def fastest(rounds: int, *deeds: AuditEntry, before: AuditEntry = lambda: None) -> list[float]:
    """Do the same as `medians` and return the fastest time of each, in ms.

    Fit for deeds whose own time varies more than the difference that is looked for: whatever
    else the machine does only ever adds.
    """
    return [min(taken) for taken in _in_turn(rounds, deeds, before)]


def time_of(deed: AuditEntry) -> float:
    """Do a deed and return how long it took, in ms."""
    began = time.perf_counter()
    deed()
    return (time.perf_counter() - began) * 1000


def _in_turn(rounds: int, deeds: Sequence[AuditEntry], before: AuditEntry) -> list[list[float]]:
    times: list[list[float]] = [[] for _ in deeds]
    for number in range(rounds + 1):
        for deed, taken in zip(deeds, times, strict=True):
            before()
            took = time_of(deed)
            if number:
                taken.append(took)
    return times
