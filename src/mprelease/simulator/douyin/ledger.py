"""What was accepted, what was built from it, and which QR codes lead to it."""

import itertools
from pathlib import Path

from mprelease.domain.releases import Kind
from mprelease.domain.versions import is_greater
from mprelease.simulator.arrivals import Arrivals
from mprelease.simulator.douyin.received import Code, Received


class Ledger(Arrivals[Received]):
    """Remember what was built, and the QR codes, too."""

    def __init__(self, folder: Path) -> None:
        """Begin empty; the folder is made when the first package arrives."""
        super().__init__(folder)
        self._built: set[int] = set()
        self._codes: list[Code] = []

    @property
    def codes(self) -> list[Code]:
        """Return the QR codes that were made, oldest first."""
        with self.changed:
            return list(self._codes)

    def add_code(self, code: Code) -> None:
        """Remember one more QR code."""
        with self.changed:
            self._codes.append(code)

    def built(self, app_id: str) -> None:
        """Remember that an app's newest package was compiled without a mistake."""
        with self.changed:
            mine = (one for one in reversed(self._received) if one.app_id == app_id)
            self._built.update(id(one) for one in itertools.islice(mine, 1))

    def current(self, app_id: str, kind: Kind, channel: int | None) -> Received | None:
        """Return the newest package of a channel that was compiled."""
        wanted = (app_id, kind, channel)
        with self.changed:
            built = set(self._built)
        return self.newest(
            lambda one: (one.app_id, one.kind, one.channel) == wanted and id(one) in built
        )

    def last_version(self, app_id: str) -> str:
        """Return the greatest version that was compiled, 0.0.0 when there is none."""
        last = "0.0.0"
        with self.changed:
            for one in self._received:
                mine = one.app_id == app_id and id(one) in self._built
                if mine and one.version and is_greater(one.version, last):
                    last = one.version
        return last
