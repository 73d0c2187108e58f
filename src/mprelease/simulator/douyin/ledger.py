"""What was accepted, what was built from it, and which QR codes lead to it."""

import itertools
import json
import zipfile
from dataclasses import asdict
from pathlib import Path
from threading import Condition

from mprelease.domain.releases import Kind
from mprelease.domain.versions import is_greater
from mprelease.simulator.douyin.received import Code, Received


class Ledger:
    """Remember everything, the newest packages on disk as well; safe to use from many threads."""

    def __init__(self, folder: Path) -> None:
        """Begin empty; the folder is made when the first package arrives."""
        self._folder = folder
        self._received: list[Received] = []
        self._built: set[int] = set()
        self._codes: list[Code] = []
        self._strange: list[str] = []
        self._changed = Condition()

    @property
    def received(self) -> list[Received]:
        """Return what was accepted, oldest first."""
        with self._changed:
            return list(self._received)

    @property
    def codes(self) -> list[Code]:
        """Return the QR codes that were made, oldest first."""
        with self._changed:
            return list(self._codes)

    @property
    def strange(self) -> list[str]:
        """Return the calls that nobody knows."""
        with self._changed:
            return list(self._strange)

    def add(self, received: Received) -> None:
        """Remember one more package."""
        with self._changed:
            self._keep(received)
            self._received.append(received)
            self._changed.notify_all()

    def add_code(self, code: Code) -> None:
        """Remember one more QR code."""
        with self._changed:
            self._codes.append(code)

    def add_strange(self, call: str) -> None:
        """Remember a call that nobody knows."""
        with self._changed:
            self._strange.append(call)

    def built(self, app_id: str) -> None:
        """Remember that an app's newest package was compiled without a mistake."""
        with self._changed:
            mine = (one for one in reversed(self._received) if one.app_id == app_id)
            self._built.update(id(one) for one in itertools.islice(mine, 1))

    def current(self, app_id: str, kind: Kind, channel: int | None) -> Received | None:
        """Return the newest package of a channel that was compiled."""
        with self._changed:
            found = (
                one
                for one in reversed(self._received)
                if (one.app_id, one.kind, one.channel) == (app_id, kind, channel)
                and id(one) in self._built
            )
            return next(found, None)

    def last_version(self, app_id: str) -> str:
        """Return the greatest version that was compiled, 0.0.0 when there is none."""
        last = "0.0.0"
        with self._changed:
            for one in self._received:
                mine = one.app_id == app_id and id(one) in self._built
                if mine and one.version and is_greater(one.version, last):
                    last = one.version
        return last

    def wait_for(self, count: int, seconds: float) -> list[Received]:
        """Return all as soon as there are `count`; raise TimeoutError after `seconds`."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._received) >= count, seconds):
                message = f"Only {len(self._received)} of {count} arrived within {seconds} s."
                raise TimeoutError(message)
            return list(self._received)

    def _keep(self, received: Received) -> None:
        """Write `APP_ID/KIND[-channel-N].zip`, with a `.json` beside."""
        folder = self._folder / received.app_id
        folder.mkdir(parents=True, exist_ok=True)
        channel = f"-channel-{received.channel}" if received.channel else ""
        place = folder / f"{received.kind}{channel}.zip"
        partial = place.with_suffix(".partial")
        with zipfile.ZipFile(partial, "w") as archive:
            for path, content in sorted(received.files.items()):
                archive.writestr(path, content)
        partial.replace(place)
        facts = {key: value for key, value in asdict(received).items() if key != "files"}
        text = json.dumps(facts, ensure_ascii=False, indent=2)
        place.with_suffix(".json").write_text(text, encoding="utf-8")
