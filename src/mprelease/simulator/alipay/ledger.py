"""What was accepted, what is being built, and which versions an app has."""

import secrets
from collections import defaultdict
from pathlib import Path

from mprelease.simulator.alipay import rejections
from mprelease.simulator.alipay.builds import Build, mistakes_in
from mprelease.simulator.alipay.received import Received
from mprelease.simulator.alipay.versions import Version, Versions
from mprelease.simulator.arrivals import Arrivals


class Ledger(Arrivals[Received]):
    """Remember builds and versions, too."""

    def __init__(self, folder: Path) -> None:
        """Begin empty; the folder is made when the first package arrives."""
        super().__init__(folder)
        self._builds: dict[str, Build] = {}
        self._versions: dict[str, Versions] = defaultdict(Versions)

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
