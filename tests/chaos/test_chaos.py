"""Whatever dies: the short form of `make chaos`, and a judge that can say no."""

import random
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chaos.run import SHORT_PAUSES, Task, run
from chaos.table import table
from chaos.vendor import Entry
from chaos.verdict import Evidence, verdict
from mprelease.domain.releases import Kind, State
from needs import lack
from servers import REMEDIES, lacking


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["sqlite", pytest.param("mariadb", marks=pytest.mark.servers)])
def test_nothing_is_lost_or_uploaded_twice_whatever_dies(shape: str, tmp_path: Path) -> None:
    for kind in {shape, "redis"} & REMEDIES.keys() if shape != "sqlite" else ():
        if lacking(kind):
            lack(f"{kind}: {REMEDIES[kind]}")
    task = Task(20, 3, 2, seconds=12, seed=random.randrange(10**6), pauses=SHORT_PAUSES)
    outcome = run(shape, task, tmp_path)
    print(table([outcome]))
    assert outcome.verdict.accepted == task.releases
    assert outcome.is_kept


def row(key: str, state: State, **more: object) -> Any:
    made = {"id": 1, "kind": Kind.UPLOAD, "attempt": 1, "created_at": 0, "ended_at": 5}
    return SimpleNamespace(idempotency_key=key, state=state, error=None, **(made | more))


def entry(key: str, version: str = "26.11.22.0") -> Entry:
    return Entry(key, Kind.UPLOAD, "wx1", version, 0)


FINE = Evidence(
    accepted=[("a", 1)],
    entries=[entry("a")],
    rows=[row("a", State.SUCCEEDED)],
    first_starts={1: 3},
    seen_unknown=frozenset(),
    decided={},
)


def test_what_went_well_is_judged_to_be_well() -> None:
    assert verdict(FINE).is_kept


@pytest.mark.parametrize(
    ("promise", "evidence"),
    [
        ("lost", replace(FINE, rows=[])),
        ("lost", replace(FINE, rows=[row("a", State.QUEUED)])),
        ("lost", replace(FINE, rows=[row("a", State.UNKNOWN)])),
        ("changed", replace(FINE, accepted=[("a", 1), ("a", 2)])),
        ("uploaded_twice", replace(FINE, entries=[entry("a"), entry("a")])),
        ("false_success", replace(FINE, entries=[])),
        ("false_failure", replace(FINE, rows=[row("a", State.FAILED)])),
        ("overtaken", replace(FINE, entries=[entry("a", "26.11.22.10"), entry("b")])),
    ],
)
def test_a_broken_promise_is_seen(promise: str, evidence: Evidence) -> None:
    judged = verdict(evidence)
    assert getattr(judged, promise)
    assert not judged.is_kept
