"""What is stored of releases and their logs, and its form in JSON: for answers and for sockets."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from mprelease.domain.logs import Passage, Position
from mprelease.domain.releases import Release
from mprelease.live.log_feed import LiveUpdate
from mprelease.live.state_feed import Changes
from mprelease.schemas.release_document import state_of
from mprelease.services import releases
from mprelease.services.context import ServiceContext
from mprelease.storage import lists, logs
from mprelease.storage.database import Reader
from mprelease.storage.lists import Search

# What is told at once ends with the passage that reaches one of them.
_LINES = 10_000
_CHARACTERS = 2**20


@dataclass(frozen=True)
class StoredState:
    """Tell watchers what is stored."""

    services: ServiceContext

    def after(self, release_id: int, position: Position) -> LiveUpdate:
        """Return what follows a position, and how the release stands; raise Refused for none."""
        with self.services.database.reading() as db:
            # Before its lines: the end of a release and its last line are written together.
            release = releases.get(db, release_id)
            cut = _cut(db, release, position)
            passages = logs.passages(db, release_id, cut or position)
            enough = list(_enough(passages))
            more = next(passages, None) is not None
        over = release.state.is_final and not more
        return LiveUpdate(enough, release.attempt, _took(release), more, over, cut)

    def end(self, release_id: int) -> Position:
        """Return the position of the last line."""
        with self.services.database.reading() as db:
            attempt = releases.get(db, release_id).attempt
            return Position(attempt, logs.last_line(db, release_id, attempt))

    def newest(self) -> int:
        """Return the number of the newest release, 0 for none."""
        with self.services.database.reading() as db:
            return next((one.id for one in lists.search(db, Search(limit=1))), 0)

    def open(self) -> Sequence[Release]:
        """Return what runs, waits, or ended in a way that nobody knows."""
        with self.services.database.reading() as db:
            return lists.unfinished_or_unknown(db)

    def since(self, newest: int, also: Collection[int]) -> Sequence[Release]:
        """Return what was made after a release, and these others as far as they exist."""
        with self.services.database.reading() as db:
            return lists.since(db, newest, also)


def log_in_json(update: LiveUpdate) -> dict[str, object]:
    """Return it as programs and scripts read it: a passage is [attempt, first, stage, texts]."""
    cut = update.cut
    return {
        "passages": [_listed(passage) for passage in update.passages],
        "attempt": update.attempt,
        "took": dict(update.took),
        "more": update.more,
        "over": update.over,
        "cut": [cut.attempt, cut.line] if cut else None,
    }


def states_in_json(changes: Changes) -> dict[str, object]:
    """Return how releases stand, as programs and scripts read it."""
    states = [state_of(release) for release in changes.releases]
    return {
        "states": [state.model_dump(mode="json") for state in states],
        "whole": changes.is_whole,
    }


def _cut(db: Reader, release: Release, position: Position) -> Position | None:
    """Return where an attempt's lines end, if a watcher has heard some that were never stored.

    While the attempt runs they are only not stored yet.
    """
    if position.attempt == release.attempt and not release.state.is_final:
        return None
    last = logs.last_line(db, release.id, position.attempt) if position.attempt else 0
    return Position(position.attempt, last) if position.line > last else None


def _enough(update: Iterator[Passage]) -> Iterator[Passage]:
    lines = characters = 0
    for passage in update:
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
