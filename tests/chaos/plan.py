"""Which releases each submitter requests, and when; the same seed gives the same plan."""

import json
import random
from dataclasses import asdict, dataclass
from pathlib import Path

from mprelease.domain.releases import Kind

APPS = 60
# How long a stage takes, in seconds at most.
_LONGEST = {
    "checkout": 0.3,
    "install": 0.2,
    "build": 1.5,
    "pack": 0.2,
    "send": 0.8,
    "reply": 0.5,
}
_PREVIEWS = 0.35
_DOUBLE_CLICKS = 0.15
_REPEATS = 0.15


@dataclass(frozen=True)
class PlannedRelease:
    """One release that is requested `at` seconds after the start.

    A `doubled` one is requested twice at the same time, a `repeated` one again afterwards.
    """

    key: str
    app: str
    kind: Kind
    ref: str
    at: float
    description: str
    doubled: bool
    repeated: bool


@dataclass(frozen=True)
class Plan:
    """What one submitter requests; `start` in seconds since the epoch."""

    start: float
    releases: tuple[PlannedRelease, ...]

    def save(self, file: Path) -> None:
        """Write it for a submitter's process."""
        file.write_text(json.dumps(asdict(self)))


def load(file: Path) -> Plan:
    """Read a plan that `save` has written."""
    content = json.loads(file.read_text())
    planned = [PlannedRelease(**{**one, "kind": Kind(one["kind"])}) for one in content["releases"]]
    return Plan(content["start"], tuple(planned))


def planned_releases(
    chance: random.Random, count: int, seconds: float, ref: str | None
) -> list[PlannedRelease]:
    """Return a random plan, spread over so many seconds.

    Without a `ref` each has one of its own, so that no preview takes the place of an older one.
    """
    made = [_planned(chance, number, seconds, ref) for number in range(count)]
    return sorted(made, key=lambda planned: planned.at)


def app_name(number: int) -> str:
    """Return the name of an app."""
    return f"shop-{number:02}"


def _planned(chance: random.Random, number: int, seconds: float, ref: str | None) -> PlannedRelease:
    key = f"release-{number:04}"
    times = (f"{stage}={chance.uniform(0, most):.2f}" for stage, most in _LONGEST.items())
    return PlannedRelease(
        key=key,
        app=app_name(chance.randrange(APPS)),
        kind=Kind.PREVIEW if chance.random() < _PREVIEWS else Kind.UPLOAD,
        ref=ref or f"feature/{key}",
        at=chance.uniform(0, seconds),
        description=f"key={key} {' '.join(times)}",
        doubled=chance.random() < _DOUBLE_CLICKS,
        repeated=chance.random() < _REPEATS,
    )
