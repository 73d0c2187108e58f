"""The feed of one release's log, shared by all of its watchers on this node."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mprelease.domain.logs import START, LogLine, Passage, Position
from mprelease.live.log_tail import LogTail
from mprelease.live.poller import Poller
from mprelease.supervision import LoopSupervisor

_POLL_SECONDS_WHERE_WRITTEN = 5.0
# Answers that are cached until the next wake-up, for watchers at the same position.
_CACHED_ANSWERS = 32


@dataclass(frozen=True, eq=False)
class LiveUpdate:
    """The lines after a position of a log, and the state of its release.

    `more` says that the storage has further lines, `over` that none will follow. After `cut` the
    watcher's lines are invalid: they were never stored, because their writer died. `took` holds
    the durations of the attempt's stages in ms.
    """

    passages: Sequence[Passage] = ()
    attempt: int = 0
    took: Mapping[str, int] = field(default_factory=dict)
    more: bool = False
    over: bool = False
    cut: Position | None = None

    def end(self, before: Position) -> Position:
        """Return the position of the last line, or of `cut` or `before` without lines."""
        if not self.passages:
            return self.cut or before
        last = self.passages[-1]
        return Position(last.first.attempt, last.first.line + len(last.entries) - 1)


class StoredLog(Protocol):
    """Access to stored logs; each method runs a query and may block."""

    def after(self, release_id: int, position: Position) -> LiveUpdate:
        """Return the update after a position; raise Refused if there is no such release."""

    def end(self, release_id: int) -> Position:
        """Return the position of the last line."""


class LogFeed(Poller):
    """Provide the log of one release to its watchers."""

    def __init__(
        self, release_id: int, stored: StoredLog, loops: LoopSupervisor | None = None
    ) -> None:
        """Take the release's id and the access to stored logs."""
        super().__init__(loops)
        self._release_id = release_id
        self._stored = stored
        self._tail = LogTail()
        self._known = LiveUpdate()
        self._shown = START
        self._cached: dict[Position, LiveUpdate] = {}
        self._reading: dict[Position, asyncio.Future[LiveUpdate]] = {}
        self.is_written = False

    @property
    def poll_seconds(self) -> float:
        """Return the longest pause between polls; longer if the writer is in this process."""
        return _POLL_SECONDS_WHERE_WRITTEN if self.is_written else super().poll_seconds

    def line_written(self, lines: Sequence[LogLine]) -> None:
        """Take consecutive lines from their writer; thread-safe."""
        self._tail.add(lines)

    def wake(self) -> None:
        """Wake the watchers, which see all lines received until now."""
        self._cached.clear()
        self._shown = self._tail.end
        super().wake()

    async def poll(self) -> None:
        """Read the lines after the tail's end and the release's state from the storage."""
        if self._tail.end == START:
            # Written by another process: lines that are stored already need not be in memory.
            self._tail.begin(await asyncio.to_thread(self._stored.end, self._release_id))
            # Watchers that have read before may lack lines that were stored meanwhile.
            self.wake()
        more = True
        while more:
            end = self._tail.end
            self._known = update = await self._read(end)
            for passage in update.passages:
                self._tail.add(_lines(passage))
            if update.passages or update.over:
                self.wake()
            more = update.more

    async def after(self, position: Position) -> LiveUpdate:
        """Return the update after a position as soon as there is one."""
        # START means before the first line of the first attempt.
        position = max(position, Position(1, 0))
        while True:
            changed = self._changed
            if self._is_up_to_date(position):
                await changed.wait()
                continue
            if update := self._cached.get(position):
                return update
            passages = self._tail.after(position)
            if passages:
                return self._shared(position, passages)
            if passages is None or self._known.over:
                update = await self._read(position)
                if update.passages or update.cut or update.over:
                    return update
                if self._tail.end.attempt > position.attempt:
                    # The earlier attempt is complete: continue with the present one.
                    position = Position(self._tail.end.attempt, 0)
                    continue
            await changed.wait()

    async def _read(self, position: Position) -> LiveUpdate:
        """Read the update after a position from the storage; concurrent reads share one query."""
        reading = self._reading.get(position)
        if reading is None:
            stored = asyncio.to_thread(self._stored.after, self._release_id, position)
            reading = self._reading[position] = asyncio.ensure_future(stored)
            reading.add_done_callback(lambda _: self._reading.pop(position))
        update = await asyncio.shield(reading)
        if update.cut:
            self._tail.cut(update.cut)
            self._cached.clear()
        return update

    def _is_up_to_date(self, position: Position) -> bool:
        """Return whether a watcher has all lines of the last wake-up; later ones are batched."""
        shown = self._shown
        is_here = shown.attempt > 0 and shown.attempt == position.attempt
        return is_here and position.line >= shown.line and not self._known.over

    def _shared(self, position: Position, passages: Sequence[Passage]) -> LiveUpdate:
        """Return one object to all watchers at the same position, so that it is encoded once."""
        known = self._known
        took = known.took if known.attempt == passages[0].first.attempt else {}
        update = LiveUpdate(passages, passages[0].first.attempt, took)
        if len(self._cached) < _CACHED_ANSWERS:
            self._cached[position] = update
        return update


def _lines(passage: Passage) -> list[LogLine]:
    first = passage.first
    return [
        LogLine(Position(first.attempt, number), at, passage.stage, text)
        for number, (at, text) in enumerate(passage.entries, start=first.line)
    ]
