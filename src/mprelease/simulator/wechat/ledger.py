"""The list of what was accepted, in order."""

from pathlib import Path
from threading import Condition

from mprelease.domain.releases import Kind
from mprelease.simulator.wechat.received import Received
from mprelease.simulator.wechat.shelf import Shelf


class Ledger:
    """Remember what was accepted; safe to use from many threads."""

    def __init__(self, folder: Path) -> None:
        """Begin with an empty list, and keep the newest packs in a folder."""
        self._shelf = Shelf(folder)
        self._entries: list[Received] = []
        self._grown = Condition()

    def add(self, received: Received) -> None:
        """Remember one more, on disk as well."""
        with self._grown:
            self._shelf.keep(received)
            self._entries.append(received)
            self._grown.notify_all()

    def entries(self) -> list[Received]:
        """Return all so far, oldest first."""
        with self._grown:
            return list(self._entries)

    def wait_for(self, count: int, seconds: float) -> list[Received]:
        """Return all as soon as there are `count`; raise TimeoutError after `seconds`."""
        with self._grown:
            if not self._grown.wait_for(lambda: len(self._entries) >= count, seconds):
                message = f"Only {len(self._entries)} of {count} arrived within {seconds} s."
                raise TimeoutError(message)
            return list(self._entries)

    def current(self, app_id: str, robot: int) -> Received | None:
        """Return the development version that a robot holds: its newest upload."""
        uploads = (
            entry
            for entry in reversed(self.entries())
            if (entry.kind, entry.app_id, entry.robot) == (Kind.UPLOAD, app_id, robot)
        )
        return next(uploads, None)
