"""What is told of a log, when the storage is slower than its writer."""

import asyncio
import threading

from mprelease.domain.logs import LogLine, Passage, Position
from mprelease.domain.releases import Stage
from mprelease.live.log_feed import LiveUpdate, LogFeed


class SlowLog:
    """A stored log that tells its end only when it is let."""

    def __init__(self, count: int) -> None:
        self.lines = [LogLine(Position(1, n), 0, Stage.BUILD, str(n)) for n in range(1, count + 1)]
        self.count = count
        self.is_let = threading.Event()

    def after(self, release_id: int, position: Position) -> LiveUpdate:
        lines = self.lines[position.line : self.count]
        entries = [(0, line.text) for line in lines]
        return LiveUpdate([Passage(lines[0].position, Stage.BUILD, entries)] if lines else [], 1)

    def end(self, release_id: int) -> Position:
        self.is_let.wait(5)
        return self.lines[self.count - 1].position


def test_a_line_that_comes_while_the_end_is_looked_up_is_told() -> None:
    async def watch() -> list[LiveUpdate]:
        stored = SlowLog(3)
        stored.count = 2
        feed = LogFeed(1, stored)
        feed.add_watcher()
        updates = [await feed.after(Position(1, 0))]
        waiting = asyncio.create_task(feed.after(Position(1, 2)))
        await asyncio.sleep(0.05)
        stored.count = 3
        stored.is_let.set()
        async with asyncio.timeout(5):
            updates.append(await waiting)
        feed.remove_watcher()
        return updates

    texts = [
        [text for passage in update.passages for _, text in passage.entries]
        for update in asyncio.run(watch())
    ]
    assert texts == [["1", "2"], ["3"]]
