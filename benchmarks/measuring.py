"""Measurements, targets, and the timing of alternating actions."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

Action = Callable[[], object]


class InvalidMeasurement(Exception):
    """A measured action did not do what it should, so its time is meaningless."""


class Of(StrEnum):
    """The value that a target limits: our time (ms), the difference (ms), or the ratio."""

    ALONE = "alone"
    ADDED = "added"
    RATIO = "ratio"


@dataclass(frozen=True)
class Target:
    """An upper bound of a measurement."""

    of: Of
    below: float
    unit: str = "ms"

    def __str__(self) -> str:
        """Return the target as in the table."""
        if self.of is Of.RATIO:
            return f"ratio < {self.below:g}"
        return f"{self.of} < {self.below:.0f} {self.unit}"


@dataclass(frozen=True)
class Measurement:
    """The times of mprelease (`ours`) and of `beside` (`theirs`) for one action, in ms."""

    what: str
    ours: float
    beside: str
    theirs: float
    target: Target | None = None

    @property
    def added(self) -> float:
        """Return the difference of the times, in ms."""
        return self.ours - self.theirs

    @property
    def ratio(self) -> float:
        """Return the ratio of the times."""
        return self.ours / self.theirs

    @property
    def is_met(self) -> bool:
        """Return whether the target is met; True without a target."""
        if self.target is None:
            return True
        found = {Of.ALONE: self.ours, Of.ADDED: self.added, Of.RATIO: self.ratio}
        return found[self.target.of] < self.target.below


def medians(rounds: int, *actions: Action, before: Action = lambda: None) -> list[float]:
    """Run the actions alternately, round by round, and return the median of each, in ms.

    `before` runs before each action, and is not measured. An additional first round warms up.
    """
    return [median(taken) for taken in _in_turn(rounds, actions, before)]


def fastest(rounds: int, *actions: Action, before: Action = lambda: None) -> list[float]:
    """Run the actions as `medians` does, and return the shortest time of each, in ms.

    For actions whose times vary more than the difference to be measured: load of the machine can
    only make them longer.
    """
    return [min(taken) for taken in _in_turn(rounds, actions, before)]


def time_of(action: Action) -> float:
    """Run an action, and return its duration in ms."""
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1000


def _in_turn(rounds: int, actions: Sequence[Action], before: Action) -> list[list[float]]:
    times: list[list[float]] = [[] for _ in actions]
    for number in range(rounds + 1):
        for action, taken in zip(actions, times, strict=True):
            before()
            took = time_of(action)
            if number:
                taken.append(took)
    return times
