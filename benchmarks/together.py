"""Releases of several apps of one commit at once, compared to a script that does them in a row.

Five apps share one build; three platforms are one project. The script installs once, and builds
once for each platform. A slot runs for each platform, at least two; each round releases a new
commit.
"""

import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import projects
from benchmarks.installation import Installation, installed_with, native
from benchmarks.measuring import InvalidMeasurement, Measurement, Of, Target, time_of
from benchmarks.repository import Changes, clone
from benchmarks.vendor_script import publish
from benchmarks.warm import lasted
from benchmarks.warm_projects import npm, run, with_lock
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import State
from mprelease.process.tree import Stop

_ROUNDS = 3
_WALKABLE = 0o711  # for builds under other user ids


@dataclass(frozen=True)
class _Group:
    """Apps of one uni-app project, and how many times faster than the script they have to be."""

    name: str
    targets: Sequence[tuple[Platform, str]]
    slots: int
    faster: float


_GROUPS = (
    _Group("five apps of one build", [(Platform.WECHAT, "mp-weixin")] * 5, 2, 3.0),
    _Group(
        "three platforms of one project",
        [
            (Platform.WECHAT, "mp-weixin"),
            (Platform.ALIPAY, "mp-alipay"),
            (Platform.DOUYIN, "mp-toutiao"),
        ],
        3,
        3.0,
    ),
)


def measure(folder: Path) -> list[Measurement]:
    """Release each group at once, and by a script."""
    return [_of(folder, number, group) for number, group in enumerate(_GROUPS)]


def _of(folder: Path, number: int, group: _Group) -> Measurement:
    place = folder / f"group-{number}"
    place.mkdir()
    place.chmod(_WALKABLE)
    repository = with_lock(place / "repository", projects.uni_app())
    changes = Changes(repository, "src/build.js", "export default")
    wanted = [
        (platform, native().with_(name=f"shop-{each}"))
        for each, (platform, _) in enumerate(group.targets)
    ]
    with installed_with(place, repository, wanted) as installation:
        application = installation.application
        for platform in {each for each, _ in group.targets}:
            application.install_missing(platform, stop=Stop())
        application.machine.standby.enable(group.slots)
        times = []
        with installation.working(group.slots):
            for _ in range(_ROUNDS + 1):
                changes.commit()
                ours = time_of(lambda: _released(installation))
                script = time_of(lambda: _by_script(installation, group, repository))
                times.append((ours, script))
                sys.stderr.write(f"  {group.name}: {ours:.0f} ms, the script {script:.0f} ms\n")
    ours, script = (min(of_way) for of_way in zip(*times[1:], strict=True))
    beside = "the script, one install, in a row"
    return Measurement(group.name, ours, beside, script, Target(Of.RATIO, 1 / group.faster))


def _released(installation: Installation) -> None:
    began = time.perf_counter()
    for each in installation.request_all():
        release = installation.ended(each)
        if release.state is not State.SUCCEEDED:
            raise InvalidMeasurement(f"the release {release.state}: {release.error}")
        at = (time.perf_counter() - began) * 1000
        stages = ", ".join(f"{stage.name} {lasted(stage)}" for stage in release.stages)
        sys.stderr.write(f"    {release.app_name} after {at:.0f} ms ({stages})\n")


def _by_script(installation: Installation, group: _Group, repository: Path) -> None:
    folder = installation.folder
    place = clone(repository, folder / "clone")
    npm(folder, place, "ci", "--prefer-offline", "--no-audit", "--no-fund")
    for _, target in dict.fromkeys(group.targets):
        run(folder, place, "sh", "-c", f"npm run build:{target}")
    for account, (platform, target) in zip(installation.accounts, group.targets, strict=True):
        publish(installation, platform, place / "dist/build" / target, account=account)
    shutil.rmtree(place)
