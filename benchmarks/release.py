"""Warm releases of native mini programs, compared to git and the vendors' tools by a script."""

import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.installation import APP, Installation, installed, native
from benchmarks.measuring import InvalidMeasurement, Measurement, Of, Target, fastest
from benchmarks.repository import Changes, clone, update
from benchmarks.vendor_script import publish
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Stage, State
from mprelease.process.tree import Stop
from mprelease.simulator.sample import make_samples

_ROUNDS = 4
_POLL_SECONDS = 0.01
# Builds under other user ids must be able to traverse the folder.
_WALKABLE = 0o711
_BESIDE = "git fetch, git reset, node ci.preview"
_GIT = "git fetch, git reset, git clean"
_TARGET = Target(Of.ADDED, 1000)


def measure(folder: Path) -> list[Measurement]:
    """Release a new commit each time: with a running worker, the command line, and a script.

    The fastest rounds are compared, because the vendor's tool alone varies by seconds.
    """
    rows = []
    for platform in Platform:
        place = folder / platform
        place.mkdir()
        place.chmod(_WALKABLE)
        rows += _on(place, platform)
    return rows


def _on(folder: Path, platform: Platform) -> list[Measurement]:
    repository = make_samples(folder / "repository")
    app = native().with_(directory=platform)
    with installed(folder, repository, app, platform) as installation:
        installation.application.install_missing(platform, stop=Stop())
        changes = Changes(repository, f"{platform}/utils/build.js")
        script = _Script(installation, platform, clone(repository, folder / "clone"))
        waiting = _Waiting(installation, platform, changes)
        with installation.working():
            released, git, beside_worker = fastest(
                _ROUNDS, waiting.run, script.update, script.run, before=waiting.prepare
            )
        rows = [
            Measurement(f"{platform}: request to publish", waiting.fastest(), _GIT, git, _TARGET),
            Measurement(f"{platform}: request to end", released, _BESIDE, beside_worker, _TARGET),
        ]
        if platform is Platform.WECHAT:
            rows.append(_command(installation, script, changes))
    return rows


def _command(installation: Installation, script: "_Script", changes: Changes) -> Measurement:
    command, beside = fastest(
        _ROUNDS, lambda: installation.command("preview", APP), script.run, before=changes.commit
    )
    return Measurement("wechat: mprelease preview", command, _BESIDE, beside, _TARGET)


class _Waiting:
    """Releases by a running worker, with the times at which publishing began."""

    def __init__(self, installation: Installation, platform: Platform, changes: Changes) -> None:
        self._installation = installation
        self._platform = platform
        self._changes = changes
        self._standby = installation.application.machine.standby
        self._standby.enable()
        self._times: list[int] = []

    def prepare(self) -> None:
        """Commit a change, and wait until the standby process for the next release has loaded."""
        self._changes.commit()
        while self._times and not self._standby.is_ready(self._platform):
            time.sleep(_POLL_SECONDS)

    def run(self) -> None:
        release = self._installation.ended(self._installation.request())
        if release.state is not State.SUCCEEDED:
            raise InvalidMeasurement(f"the release {release.state}: {release.error}")
        publish = next(stage for stage in release.stages if stage.name is Stage.PUBLISH)
        assert publish.started_at is not None
        self._times.append(publish.started_at - release.created_at)

    def fastest(self) -> float:
        """Return the shortest time from request to publishing in ms, without the warm-up round."""
        return min(self._times[1:])


@dataclass(frozen=True)
class _Script:
    """A script with the same result: git commands, and the vendor's JavaScript API."""

    installation: Installation
    platform: Platform
    clone: Path

    def update(self) -> None:
        update(self.clone)

    def run(self) -> None:
        self.update()
        publish(self.installation, self.platform, self.clone / self.platform)
