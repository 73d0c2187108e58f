"""Whoever writes a line is never harmed by those who watch."""

import asyncio
from typing import Any

from mprelease.domain.logs import LogLine, Position
from mprelease.domain.releases import Stage
from mprelease.live.hub import Hub
from mprelease.live.log_feed import LiveUpdate


class Nothing:
    """A storage without lines."""

    def after(self, *_: object) -> LiveUpdate:
        return LiveUpdate(attempt=1)

    def end(self, _: int) -> Position:
        return Position(1, 0)


def line(number: int) -> LogLine:
    return LogLine(Position(1, number), 0, Stage.BUILD, str(number))


def test_a_loop_that_closes_between_two_looks_at_it_fails_nobody_who_writes() -> None:
    """Issue 12, number 4: at shutdown the loop closes while a release writes its lines."""
    hub = Hub(Nothing())  # type: ignore[arg-type]

    class Closing:
        """A loop that is closed after it has said that it is open."""

        def is_closed(self) -> bool:
            return False

        def call_soon_threadsafe(self, *_: Any) -> None:
            raise RuntimeError("Event loop is closed")

    hub._loop = Closing()  # type: ignore[assignment]
    hub.line_written(1, line(1))
    hub.changed(1)
    hub.ended(1)


def test_a_later_loop_is_woken_although_an_earlier_one_died_with_its_work() -> None:
    hub = Hub(Nothing())  # type: ignore[arg-type]

    async def leave_something() -> None:
        async with hub.watching(1):
            hub.line_written(1, line(1))

    async def watch() -> list[str]:
        async with asyncio.timeout(10), hub.watching(1) as feed:
            hub.line_written(1, line(2))
            update = await feed.after(Position(1, 1))
            return [text for passage in update.passages for _, text in passage.entries]

    asyncio.run(leave_something())
    assert asyncio.run(watch()) == ["2"]
