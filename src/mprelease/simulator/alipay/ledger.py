"""What was accepted, what is being built, and which versions an app has."""

import json
import secrets
import zipfile
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from threading import Condition

from mprelease.simulator.alipay import rejections
from mprelease.simulator.alipay.builds import Build, mistakes_in
from mprelease.simulator.alipay.received import Received
from mprelease.simulator.alipay.versions import Version, Versions


class Ledger:
    """Remember everything, the newest packages on disk as well; safe to use from many threads."""

    def __init__(self, folder: Path) -> None:
        """Begin empty; the folder is made when the first package arrives."""
        self._folder = folder
        self._received: list[Received] = []
        self._builds: dict[str, Build] = {}
        self._versions: dict[str, Versions] = defaultdict(Versions)
        self._strange: list[str] = []
        self.changed = Condition()

    @property
    def received(self) -> list[Received]:
        """Return what was accepted, oldest first."""
        with self.changed:
            return list(self._received)

    @property
    def strange(self) -> list[str]:
        """Return the calls that nobody knows."""
        with self.changed:
            return list(self._strange)

    def add(self, received: Received) -> None:
        """Remember one more package."""
        with self.changed:
            self._keep(received)
            self._received.append(received)
            self.changed.notify_all()

    def add_strange(self, call: str) -> None:
        """Remember a call that nobody knows."""
        with self.changed:
            self._strange.append(call)

    def wait_for(self, count: int, seconds: float) -> list[Received]:
        """Return all as soon as there are `count`; raise TimeoutError after `seconds`."""
        with self.changed:
            if not self.changed.wait_for(lambda: len(self._received) >= count, seconds):
                message = f"Only {len(self._received)} of {count} arrived within {seconds} s."
                raise TimeoutError(message)
            return list(self._received)

    def versions(self, app_id: str) -> Versions:
        """Return an app's versions; to be used while `changed` is held."""
        return self._versions[app_id]

    def start_build(self, received: Received, questions: int) -> str:
        """Begin the build of an upload and return its number."""
        number = secrets.token_hex(4)
        with self.changed:
            self._builds[number] = Build(received, mistakes_in(received.files), questions)
        return number

    def build(self, app_id: str, number: str) -> Build:
        """Return a build one question nearer to its end; raise Rejected for a strange one.

        The version is there when the build has ended well.
        """
        with self.changed:
            build = self._builds.get(number)
            if build is None or build.received.app_id != app_id:
                raise rejections.unusable("there is no such build")
            build.questions -= build.questions > 0
            if not build.questions and not build.mistakes:
                self._create(build.received)
            return build

    def _create(self, received: Received) -> None:
        versions = self._versions[received.app_id]
        if received.version and received.version not in versions.numbers:
            versions.add(Version(received.version, received.description or "", received.at))

    def _keep(self, received: Received) -> None:
        """Write `APP_ID/KIND.zip`, with a `.json` beside."""
        folder = self._folder / received.app_id
        folder.mkdir(parents=True, exist_ok=True)
        place = folder / f"{received.kind}.zip"
        partial = place.with_suffix(".partial")
        with zipfile.ZipFile(partial, "w") as archive:
            for path, content in sorted(received.files.items()):
                archive.writestr(path, content)
        partial.replace(place)
        facts = {key: value for key, value in asdict(received).items() if key != "files"}
        text = json.dumps(facts, ensure_ascii=False, indent=2)
        place.with_suffix(".json").write_text(text, encoding="utf-8")
