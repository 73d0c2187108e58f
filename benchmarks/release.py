"""Warm releases of native mini programs, beside git and the vendors' tools by a script."""

import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measuring import BrokenPromise, Measurement, Of, Target, fastest
from benchmarks.repository import Changes, clone, update
from benchmarks.scene import APP, Scene, native, staged
from mprelease.domain.apps import ProjectType
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Kind, LaunchOptions, Stage, State
from mprelease.platforms.douyin.content import name_app
from mprelease.platforms.driver import PublishOrder
from mprelease.platforms.registry import driver_of
from mprelease.process.tree import Stop
from mprelease.settings.environment import machine_environment
from mprelease.simulator.sample import make_samples

_ROUNDS = 4
_LOOK_SECONDS = 0.01
# A build under another user id must be able to walk to its workspace.
_WALKABLE = 0o711
_SCRIPT = Path(__file__).with_name("by_hand.cjs")
_BESIDE = "git fetch, git reset, node ci.preview"
_GIT = "git fetch, git reset, git clean"
_TARGET = Target(Of.ADDED, 1000)


def measure(folder: Path) -> list[Measurement]:
    """Release a new commit each time: by a waiting worker, by the command line, by hand.

    The vendor's tool alone varies by seconds on a busy machine: the fastest rounds are compared.
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
    with staged(folder, repository, app, platform) as scene:
        scene.application.install_missing(platform, stop=Stop())
        changes = Changes(repository, f"{platform}/utils/build.js")
        script = _Script(scene, platform, clone(repository, folder / "clone"))
        waiting = _Waiting(scene, platform, changes)
        with scene.working():
            released, git, beside_worker = fastest(
                _ROUNDS, waiting.run, script.update, script.run, before=waiting.prepare
            )
        rows = [
            Measurement(f"{platform}: request to publish", waiting.fastest(), _GIT, git, _TARGET),
            Measurement(f"{platform}: request to end", released, _BESIDE, beside_worker, _TARGET),
        ]
        if platform is Platform.WECHAT:
            rows.append(_command(scene, script, changes))
    return rows


def _command(scene: Scene, script: "_Script", changes: Changes) -> Measurement:
    command, beside = fastest(
        _ROUNDS, lambda: scene.command("preview", APP), script.run, before=changes.commit
    )
    return Measurement("wechat: mprelease preview", command, _BESIDE, beside, _TARGET)


class _Waiting:
    """A worker that waits, as `mprelease worker` does; it notes when publishing began."""

    def __init__(self, scene: Scene, platform: Platform, changes: Changes) -> None:
        self._scene = scene
        self._platform = platform
        self._changes = changes
        self._standby = scene.application.machine.standby
        self._standby.live_on()
        self._times: list[int] = []

    def prepare(self) -> None:
        """Commit a change, while nothing else is done: the process for the next release loads."""
        self._changes.commit()
        while self._times and not self._standby.is_ready(self._platform):
            time.sleep(_LOOK_SECONDS)

    def run(self) -> None:
        release = self._scene.ended(self._scene.request())
        if release.state is not State.SUCCEEDED:
            raise BrokenPromise(f"the release {release.state}: {release.error}")
        publish = next(stage for stage in release.stages if stage.name is Stage.PUBLISH)
        assert publish.started_at is not None
        self._times.append(publish.started_at - release.created_at)

    def fastest(self) -> float:
        """Return the time from request to publishing in ms, without the round for warming up."""
        return min(self._times[1:])


@dataclass(frozen=True)
class _Script:
    """What a person's script does: two git commands, and the vendor's JavaScript API."""

    scene: Scene
    platform: Platform
    clone: Path

    def update(self) -> None:
        update(self.clone)

    def run(self) -> None:
        self.update()
        scratch = self.scene.folder / "scratch"
        scratch.mkdir()
        self._publish(self._order(scratch))
        shutil.rmtree(scratch)

    def _publish(self, order: PublishOrder) -> None:
        application = self.scene.application
        driver = driver_of(self.platform)
        tool = application.tool(self.platform).folder(application.settings.tools)
        done = subprocess.run(
            (application.node.node, str(_SCRIPT), self.platform, str(tool / "node_modules")),
            input=driver.order_line(order),
            env={
                **machine_environment(),
                "HOME": str(order.scratch),
                "TMPDIR": str(order.scratch),
                # Alipay's tool keeps its compiler here, as it would at somebody's desk.
                "MINIDEV_COMPILEDIR": str(self.scene.folder / "compiler"),
                "NODE_EXTRA_CA_CERTS": str(order.route.extra_ca),
            },
            cwd=order.scratch,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise BrokenPromise(f"the script failed: {done.stderr}")

    def _order(self, scratch: Path) -> PublishOrder:
        built = self.clone / self.platform
        if self.platform is Platform.DOUYIN:
            name_app(built, self.scene.account.platform_app_id)
        return PublishOrder(
            kind=Kind.PREVIEW,
            account=self.scene.account,
            route=self.scene.application.route,
            built=built,
            project_type=ProjectType.MINI_PROGRAM,
            version="",
            description="by hand",
            robot=2,
            launch=LaunchOptions(),
            compile_settings={},
            pack_npm=False,
            scratch=scratch,
        )
