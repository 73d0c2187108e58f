"""What is stored of a log behind a position, and its form in JSON: for answers and for sockets."""

from collections.abc import Iterator
from dataclasses import dataclass

from mprelease.domain.logs import Passage, Position
from mprelease.domain.releases import Release
from mprelease.live.feed import Told
from mprelease.services import releases
from mprelease.services.house import House
from mprelease.storage import logs
from mprelease.storage.database import Reader

# What is told at once ends with the passage that reaches one of them.
_LINES = 10_000
_CHARACTERS = 4 * 2**20


@dataclass(frozen=True)
class StoredLogs:
    """Tell watchers what is stored."""

    house: House

    def after(self, release_id: int, position: Position) -> Told:
        """Return what follows a position, and how the release stands; raise Refused for none."""
        with self.house.database.reading() as db:
            # Before its lines: the end of a release and its last line are written together.
            release = releases.found(db, release_id)
            cut = _cut(db, release, position)
            passages = logs.passages(db, release_id, cut or position)
            enough = list(_enough(passages))
            more = next(passages, None) is not None
        over = release.state.is_final and not more
        return Told(enough, release.attempt, _took(release), more, over, cut)

    def end(self, release_id: int) -> Position:
        """Return the position of the last line."""
        with self.house.database.reading() as db:
            attempt = releases.found(db, release_id).attempt
            return Position(attempt, logs.last_line(db, release_id, attempt))


def in_json(told: Told) -> dict[str, object]:
    """Return it as programs and scripts read it: a passage is [attempt, first, stage, texts]."""
    cut = told.cut
    return {
        "passages": [_listed(passage) for passage in told.passages],
        "attempt": told.attempt,
        "took": dict(told.took),
        "more": told.more,
        "over": told.over,
        "cut": [cut.attempt, cut.line] if cut else None,
    }


def _cut(db: Reader, release: Release, position: Position) -> Position | None:
    """Return where an attempt's lines end, if a watcher has heard some that were never stored.

    While the attempt runs they are only not stored yet.
    """
    if position.attempt == release.attempt and not release.state.is_final:
        return None
    last = logs.last_line(db, release.id, position.attempt) if position.attempt else 0
    return Position(position.attempt, last) if position.line > last else None


def _enough(told: Iterator[Passage]) -> Iterator[Passage]:
    lines = characters = 0
    for passage in told:
        yield passage
        lines += len(passage.entries)
        characters += sum(len(text) for _, text in passage.entries)
        if lines >= _LINES or characters >= _CHARACTERS:
            return


def _took(release: Release) -> dict[str, int]:
    return {
        stage.name: stage.ended_at - stage.started_at
        for stage in release.stages
        if stage.started_at and stage.ended_at
    }


def _listed(passage: Passage) -> tuple[int, int, str, list[str]]:
    first = passage.first
    return first.attempt, first.line, passage.stage, [text for _, text in passage.entries]
