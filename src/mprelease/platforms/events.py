"""Read what every bridge writes to descriptor 3: one JSON object a line (bridge/protocol.cjs)."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind
from mprelease.platforms.driver import Event, Failure, Loaded, Progress, Ready

Facts = Mapping[str, Any]
"""What a bridge tells with an event."""

_COMMON: Mapping[str, Callable[[Facts], Event]] = {
    "loaded": lambda _: Loaded(),
    "progress": lambda facts: Progress(facts["text"]),
    "ready": lambda _: Ready(),
}


def read(line: str, own: Mapping[str, Callable[[Facts], Event]]) -> Event:
    """Return the event in a line, a platform's own read by its name; raise ValueError for none."""
    facts: Facts = json.loads(line)
    reader = {**_COMMON, **own}.get(facts["event"])
    if reader is None:
        raise ValueError(line)
    return reader(facts)


def cut_off(kind: Kind, host: str, detail: str) -> Failure:
    """Return what it is when a connection ends after sending has begun."""
    # A preview is harmless to repeat, so nobody has to find out what became of this one.
    lost = Problem.PUBLISH_CUT if kind is Kind.UPLOAD else Problem.PLATFORM_UNREACHABLE
    return Failure(StageFailed(lost, host=host, detail=detail), may_have_arrived=True)
