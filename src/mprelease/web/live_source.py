"""States and logs of releases as stored, and their JSON for HTTP responses and the live socket."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from mprelease.domain.logs import Passage, Position
from mprelease.domain.releases import Release
from mprelease.live.log_feed import LiveUpdate
from mprelease.live.state_feed import Changes
from mprelease.schemas.release_document import state_of
from mprelease.services import releases
from mprelease.services.context import ServiceContext
from mprelease.storage import lists, logs, workers
from mprelease.storage.database import Reader
from mprelease.storage.lists import Search
from mprelease.storage.progress import with_progress

# One update ends with the passage that reaches one of these limits.
_LINES = 10_000
_CHARACTERS = 2**20


@dataclass(frozen=True)
class StoredState:
    """The source of the live view: reads states and logs from the database."""

    services: ServiceContext

    def after(self, release_id: int, position: Position) -> LiveUpdate:
        """Return the lines after a position, and the release's state; raise Refused."""
        with self.services.database.reading() as db:
            # Read before the lines: the final state and the last lines are committed together.
            release = releases.get(db, release_id)
            cut = _cut(db, release, position)
            passages = logs.passages(db, release_id, cut or position)
            enough = list(_enough(passages))
            more = next(passages, None) is not None
        over = release.state.is_final and not more
        return LiveUpdate(enough, release.attempt, _took(release), more, over, cut)

    def end(self, release_id: int) -> Position:
        """Return the position of the last line; raise Refused."""
        with self.services.database.reading() as db:
            attempt = releases.get(db, release_id).attempt
            return Position(attempt, logs.last_line(db, release_id, attempt))

    def newest(self) -> int:
        """Return the id of the newest release, 0 for none."""
        with self.services.database.reading() as db:
            return next((one.id for one in lists.search(db, Search(limit=1))), 0)

    def open(self) -> Sequence[Release]:
        """Return queued and running releases and those in state UNKNOWN."""
        with self.services.database.reading() as db:
            return with_progress(db, self.services.estimates, lists.unfinished_or_unknown(db))

    def since(self, newest: int, also: Collection[int]) -> Sequence[Release]:
        """Return releases with ids above `newest`, and those of `also` that exist."""
        with self.services.database.reading() as db:
            return with_progress(db, self.services.estimates, lists.since(db, newest, also))

    def unserved(self) -> Sequence[str]:
        """Return the labels in use that no alive worker takes."""
        with self.services.database.reading() as db:
            return tuple(workers.unserved_labels(db))


def log_in_json(update: LiveUpdate) -> dict[str, object]:
    """Return an update as JSON (docs/live.md): a passage is [attempt, first, stage, texts]."""
    cut = update.cut
    return {
        "passages": [_listed(passage) for passage in update.passages],
        "attempt": update.attempt,
        "took": dict(update.took),
        "more": update.more,
        "over": update.over,
        "cut": [cut.attempt, cut.line] if cut else None,
    }


def states_in_json(changes: Changes, now: int) -> dict[str, object]:
    """Return changes of states as JSON (docs/live.md), at a time in ms since the epoch."""
    states = [state_of(release, now) for release in changes.releases]
    return {
        "states": [state.model_dump(mode="json") for state in states],
        "queue": dict(changes.positions),
        "unserved": list(changes.unserved),
        "whole": changes.is_whole,
    }


def _cut(db: Reader, release: Release, position: Position) -> Position | None:
    """Return the end of an attempt's stored lines, if the position is after it.

    Then the client was sent lines that were never stored. While the attempt runs, such lines are
    only not stored yet, and None is returned.
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
