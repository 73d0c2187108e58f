"""Count what became of everything, from the database, the platform's ledger and the lists."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, select

from chaos.vendor import Entry
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind, Stage, State
from mprelease.storage.database import Reader
from mprelease.storage.tables import releases, stages

_ENDS = {State.SUCCEEDED, State.FAILED, State.CANCELED}


@dataclass(frozen=True)
class Evidence:
    """What is known after the dust has settled.

    `accepted` holds a key and the number that was returned for it, once for each time.
    """

    accepted: Sequence[tuple[str, int]]
    entries: Sequence[Entry]
    rows: Sequence[Row[Any]]
    first_starts: Mapping[int, int]
    seen_unknown: frozenset[int]
    decided: Mapping[int, bool]


@dataclass(frozen=True)
class Verdict:
    """What became of the releases of one run; the first six must be empty.

    `changed`: a key for which two numbers were returned. `false_failure`: shown as failed, though
    it is at the platform and the message does not mention that. `overtaken`: an older upload of
    an app that arrived after a newer one.
    """

    lost: list[str]
    changed: list[str]
    uploaded_twice: list[str]
    false_success: list[str]
    false_failure: list[str]
    overtaken: list[str]
    accepted: int
    uploads: int
    states: Mapping[str, int]
    failures: Mapping[str, int]
    handed_back: int
    unknown: int
    came_back: int
    decided_arrived: int
    decided_missing: int
    previews_twice: int
    to_first_stage: Sequence[int] = field(repr=False)
    to_end: Sequence[int] = field(repr=False)

    @property
    def is_kept(self) -> bool:
        """Return whether everything that is promised was kept."""
        broken = (
            *(self.lost, self.changed, self.uploaded_twice),
            *(self.false_success, self.false_failure, self.overtaken),
        )
        return not any(broken)


def evidence_of(db: Reader) -> tuple[list[Row[Any]], dict[int, int]]:
    """Read all releases, and when the first stage of each began."""
    rows = db.connection.execute(select(releases).order_by(releases.c.id)).all()
    began = db.connection.execute(
        select(stages.c.release_id, stages.c.started_at).where(
            stages.c.name == Stage.CHECKOUT, stages.c.started_at.is_not(None)
        )
    )
    return list(rows), {row.release_id: row.started_at for row in began}


def verdict(found: Evidence) -> Verdict:
    """Judge the evidence."""
    by_key = {row.idempotency_key: row for row in found.rows}
    uploads = Counter(entry.key for entry in found.entries if entry.kind == Kind.UPLOAD)
    previews = Counter(entry.key for entry in found.entries if entry.kind == Kind.PREVIEW)
    arrived = uploads + previews
    accepted = dict(found.accepted)
    ended = [row for row in found.rows if row.state in _ENDS]
    failed = [row for row in ended if row.state == State.FAILED]
    unknown = found.seen_unknown | found.decided.keys()
    return Verdict(
        lost=[key for key in accepted if not _has_ended(by_key.get(key))],
        changed=[key for key, number in found.accepted if not _is(by_key.get(key), number)],
        uploaded_twice=[key for key, count in uploads.items() if count > 1],
        false_success=[
            row.idempotency_key
            for row in ended
            if row.state == State.SUCCEEDED and row.idempotency_key not in arrived
        ],
        false_failure=[row.idempotency_key for row in ended if _is_false_failure(row, uploads)],
        overtaken=_overtaken(found.entries),
        accepted=len(accepted),
        uploads=sum(by_key[key].kind == Kind.UPLOAD for key in accepted if key in by_key),
        states=Counter(row.state for row in found.rows),
        failures=Counter(_problem(row) for row in failed),
        handed_back=sum(row.attempt > 1 for row in found.rows),
        unknown=len(unknown),
        came_back=len(unknown - found.decided.keys()),
        decided_arrived=sum(found.decided.values()),
        decided_missing=len(found.decided) - sum(found.decided.values()),
        previews_twice=sum(count > 1 for count in previews.values()),
        to_first_stage=sorted(
            found.first_starts[row.id] - row.created_at
            for row in found.rows
            if row.id in found.first_starts
        ),
        to_end=sorted(row.ended_at - row.created_at for row in ended if row.ended_at),
    )


def percentile(sorted_values: Sequence[int], share: float) -> int:
    """Return the value below which this share of all lies; 0 of nothing."""
    last = len(sorted_values) - 1
    return sorted_values[min(last, int(share * len(sorted_values)))] if sorted_values else 0


def _has_ended(row: Row[Any] | None) -> bool:
    return row is not None and row.state in _ENDS


def _is(row: Row[Any] | None, number: int) -> bool:
    return row is not None and row.id == number


def _is_false_failure(row: Row[Any], uploads: Counter[str]) -> bool:
    says_it_may_be_there = _problem(row) == Problem.PUBLISH_CUT
    is_shown_missing = row.state != State.SUCCEEDED and not says_it_may_be_there
    return is_shown_missing and row.idempotency_key in uploads


def _problem(row: Row[Any]) -> str:
    return str(row.error["problem"]) if row.error else "none"


def _overtaken(entries: Sequence[Entry]) -> list[str]:
    newest: dict[str, tuple[int, ...]] = defaultdict(tuple)
    late = []
    for entry in entries:
        if entry.kind == Kind.UPLOAD:
            version = tuple(map(int, entry.version.split(".")))
            if version < newest[entry.app_id]:
                late.append(entry.key)
            newest[entry.app_id] = max(newest[entry.app_id], version)
    return late
