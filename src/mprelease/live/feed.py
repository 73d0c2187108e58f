"""What is told of one release's log to all who watch it on this node, once for all of them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mprelease.domain.logs import START, LogLine, Passage, Position
from mprelease.live.poller import Poller
from mprelease.live.tail import Tail
from mprelease.supervision import LoopSupervisor

_LOOK_SECONDS_WHERE_WRITTEN = 5.0
# So many answers are kept for those who come to the same place until the next waking.
_KEPT_ANSWERS = 32


@dataclass(frozen=True, eq=False)
class LiveUpdate:
    """What follows a position of a log, and how its release stands.

    `cut` is where the watcher's own lines end to be true: what follows was never stored, because
    its writer died. `took` is how long the stages of the attempt took, in ms.
    """

    passages: Sequence[Passage] = ()
    attempt: int = 0
    took: Mapping[str, int] = field(default_factory=dict)
    more: bool = False
    over: bool = False
    cut: Position | None = None

    def end(self, before: Position) -> Position:
        """Return the position of the last line, or the one that the watcher had."""
        if not self.passages:
            return self.cut or before
        last = self.passages[-1]
        return Position(last.first.attempt, last.first.line + len(last.entries) - 1)


class StoredLog(Protocol):
    """What is stored of logs; both may take as long as a query."""

    def after(self, release_id: int, position: Position) -> LiveUpdate:
        """Return what follows a position, and how the release stands; raise Refused for none."""

    def end(self, release_id: int) -> Position:
        """Return the position of the last line."""


class Feed(Poller):
    """What is told of one release's log to those who watch it."""

    def __init__(
        self, release_id: int, stored: StoredLog, loops: LoopSupervisor | None = None
    ) -> None:
        """Take the release, and the way to what is stored of it."""
        super().__init__(loops)
        self._release_id = release_id
        self._stored = stored
        self._tail = Tail()
        self._known = LiveUpdate()
        self._shown = START
        self._same: dict[Position, LiveUpdate] = {}
        self._asking: dict[Position, asyncio.Future[LiveUpdate]] = {}
        self.is_written = False

    @property
    def look_seconds(self) -> float:
        """Return how long to rest between two looks at most: whoever writes here also nudges."""
        return _LOOK_SECONDS_WHERE_WRITTEN if self.is_written else super().look_seconds

    def line_written(self, lines: Sequence[LogLine]) -> None:
        """Take lines from whoever writes them; from any thread."""
        self._tail.add(lines)

    def wake(self) -> None:
        """Let the watchers look again."""
        self._same.clear()
        self._shown = self._tail.end
        super().wake()

    async def look(self) -> None:
        """Ask the storage what has come behind our end, and how the release stands."""
        if self._tail.end == START:
            # Written elsewhere: what is stored by now need not lie in our memory, too.
            self._tail.begin(await asyncio.to_thread(self._stored.end, self._release_id))
            # Who asked before may lack what has come meanwhile.
            self.wake()
        more = True
        while more:
            end = self._tail.end
            self._known = update = await self._ask(end)
            for passage in update.passages:
                self._tail.add(_lines(passage))
            if update.passages or update.over:
                self.wake()
            more = update.more

    async def after(self, position: Position) -> LiveUpdate:
        """Return what follows a position, as soon as there is something."""
        # Before the first line is before the first line of the first attempt.
        position = max(position, Position(1, 0))
        while True:
            changed = self._changed
            if self._is_up_to_date(position):
                await changed.wait()
                continue
            if update := self._same.get(position):
                return update
            passages = self._tail.after(position)
            if passages:
                return self._shared(position, passages)
            if passages is None or self._known.over:
                update = await self._ask(position)
                if update.passages or update.cut or update.over:
                    return update
                if self._tail.end.attempt > position.attempt:
                    # All of the former attempt is told: the present one begins in memory.
                    position = Position(self._tail.end.attempt, 0)
                    continue
            await changed.wait()

    async def _ask(self, position: Position) -> LiveUpdate:
        """Ask the storage what follows a position; those who ask at the same time ask once."""
        asking = self._asking.get(position)
        if asking is None:
            stored = asyncio.to_thread(self._stored.after, self._release_id, position)
            asking = self._asking[position] = asyncio.ensure_future(stored)
            asking.add_done_callback(lambda _: self._asking.pop(position))
        update = await asyncio.shield(asking)
        if update.cut:
            self._tail.cut(update.cut)
            self._same.clear()
        return update

    def _is_up_to_date(self, position: Position) -> bool:
        """Tell whether somebody has all that was there at the last waking; more comes together."""
        shown = self._shown
        is_here = shown.attempt > 0 and shown.attempt == position.attempt
        return is_here and position.line >= shown.line and not self._known.over

    def _shared(self, position: Position, passages: Sequence[Passage]) -> LiveUpdate:
        """Return one object to all who stand at the same place: it is put into words once."""
        known = self._known
        took = known.took if known.attempt == passages[0].first.attempt else {}
        update = LiveUpdate(passages, passages[0].first.attempt, took)
        if len(self._same) < _KEPT_ANSWERS:
            self._same[position] = update
        return update


def _lines(passage: Passage) -> list[LogLine]:
    first = passage.first
    return [
        LogLine(Position(first.attempt, number), at, passage.stage, text)
        for number, (at, text) in enumerate(passage.entries, start=first.line)
    ]
