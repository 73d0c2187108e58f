"""What a simulated service has accepted, for those who watch it."""

import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Condition
from typing import Generic, TypeVar

from mprelease.domain.releases import Kind


@dataclass(frozen=True)
class Arrival:
    """One accepted package.

    `files` holds what was packed, by path without a leading slash. `at` is in milliseconds since
    the epoch.
    """

    kind: Kind
    app_id: str
    files: Mapping[str, bytes]
    at: int

    @property
    def shelf(self) -> str:
        """Name the place in the app's folder where the newest of its like is kept."""
        return str(self.kind)


One = TypeVar("One", bound=Arrival)


class Arrivals(Generic[One]):
    """Remember everything, the newest packages on disk as well; safe to use from many threads.

    Whoever holds `changed` sees nothing change.
    """

    def __init__(self, folder: Path) -> None:
        """Begin empty; the folder is made when the first package arrives."""
        self._folder = folder
        self._received: list[One] = []
        self._strange: list[str] = []
        self.changed = Condition()

    @property
    def received(self) -> list[One]:
        """Return what was accepted, oldest first; the list is the caller's own."""
        with self.changed:
            return list(self._received)

    @property
    def strange(self) -> list[str]:
        """Return the calls that nobody knows."""
        with self.changed:
            return list(self._strange)

    def add(self, received: One) -> None:
        """Remember one more package."""
        with self.changed:
            self._keep(received)
            self._received.append(received)
            self.changed.notify_all()

    def add_strange(self, call: str) -> None:
        """Remember a call that nobody knows."""
        with self.changed:
            self._strange.append(call)

    def newest(self, claim: Callable[[One], bool]) -> One | None:
        """Return the newest package of which something holds."""
        return next((one for one in reversed(self.received) if claim(one)), None)

    def wait_for(self, count: int, seconds: float) -> list[One]:
        """Return all as soon as there are `count`; raise TimeoutError after `seconds`."""
        with self.changed:
            if not self.changed.wait_for(lambda: len(self._received) >= count, seconds):
                message = f"Only {len(self._received)} of {count} arrived within {seconds} s."
                raise TimeoutError(message)
            return list(self._received)

    def _keep(self, received: One) -> None:
        """Write `APP_ID/SHELF.zip`, with a `.json` beside."""
        folder = self._folder / received.app_id
        folder.mkdir(parents=True, exist_ok=True)
        place = folder / f"{received.shelf}.zip"
        partial = place.with_suffix(".partial")
        with zipfile.ZipFile(partial, "w") as archive:
            for path, content in sorted(received.files.items()):
                archive.writestr(path, content)
        partial.replace(place)
        facts = {key: value for key, value in asdict(received).items() if key != "files"}
        text = json.dumps(facts, ensure_ascii=False, indent=2)
        place.with_suffix(".json").write_text(text, encoding="utf-8")
