"""Releases of a commit that is new, and of one that was built, compared to a person's script.

The script is what teams run without mprelease: `git clone`, `npm ci`, the build, and the vendor's
JavaScript API, with a warm npm cache. mprelease runs a worker with two slots. Before a time counts,
what arrived at the simulated platform must be the same, by name and content, from both.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks import projects
from benchmarks.installation import APP, Installation, installed, native
from benchmarks.measuring import InvalidMeasurement, Measurement, Of, Target, time_of
from benchmarks.repository import Changes, clone, make
from benchmarks.vendor_script import publish
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import StageRecord, State
from mprelease.process.tree import Stop
from mprelease.schemas.apps import AppChange
from mprelease.simulator.sample import make_samples

_ROUNDS = 3
_SLOTS = 2
# A clone of a project with npm packages for WeChat's tool, on `main`, with package-lock.json: for
# example Tencent's tdesign-miniprogram-starter-retail.
_RETAIL = "MPRELEASE_BENCH_RETAIL"
_PNPM = "9.15.9"
_QUIET = {"npm": ("--no-audit", "--no-fund"), "pnpm": ()}
_POLL_SECONDS = 0.01
# Builds under other user ids must be able to traverse the folder.
_WALKABLE = 0o711
_BESIDE = "git clone, npm ci, build, vendor's tool"
_MODULE_NUMBER = re.compile(rb"(?<!\d)1[5-9]\d{11}(?!\d)")
_NOT_COMPARED = ("project.config.json", "project.private.config.json", "mini.project.json")


@dataclass(frozen=True)
class Project:
    """A project to release; `changed` is a JavaScript file that each new commit changes.

    `build` is the script's build command, None for a native project; one with npm packages in it
    is built by installing them, and the tool packs these. The targets are how many times
    faster than the script a release of a new, and of a built commit has to be.
    """

    name: str
    platform: Platform
    make: Callable[[Path], Path]
    app: AppChange
    changed: str
    output: str
    build: str | None
    new: float
    same: float
    packs_npm: bool = False
    install: tuple[str, ...] = ("npm", "ci")


def _uni_app(folder: Path) -> Path:
    return with_lock(folder, projects.uni_app())


def _uni_app_with_pnpm(folder: Path) -> Path:
    files = dict(projects.uni_app())
    package = json.loads(files["package.json"]) | {"packageManager": f"pnpm@{_PNPM}"}
    files["package.json"] = json.dumps(package)
    npm(folder.parent, folder.parent, "install", "--prefix", str(folder.parent), f"pnpm@{_PNPM}")
    place = folder.with_name("locked")
    make(place, files)
    run(folder.parent, place, str(_pnpm(folder.parent)), "install")
    lock = (place / "pnpm-lock.yaml").read_text(encoding="utf-8")
    shutil.rmtree(place)
    return make(folder, {**files, "pnpm-lock.yaml": lock})


def _pnpm(folder: Path) -> Path:
    return folder / "node_modules" / ".bin" / "pnpm"


def _taro(folder: Path) -> Path:
    return with_lock(folder, projects.taro())


def _retail(folder: Path) -> Path:
    """Clone the named repository, and fill npm's cache."""
    clone(Path(os.environ[_RETAIL]), folder)
    place = clone(folder, folder.with_name("locked"))
    npm(folder.parent, place, "ci", "--ignore-scripts")
    shutil.rmtree(place)
    return folder


def with_lock(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Make a repository with a lock file, and fill npm's cache."""
    place = folder.with_name("locked")
    make(place, files)
    npm(folder.parent, place, "install")
    lock = (place / "package-lock.json").read_text(encoding="utf-8")
    shutil.rmtree(place)
    return make(folder, {**files, "package-lock.json": lock})


PROJECTS = (
    Project(
        "uni-app",
        Platform.WECHAT,
        _uni_app,
        native().with_(name=APP),
        "src/build.js",
        "dist/build/mp-weixin",
        "npm run build:mp-weixin",
        3.5,
        25,
    ),
    Project(
        "taro",
        Platform.WECHAT,
        _taro,
        native().with_(name=APP),
        "src/build.js",
        "dist",
        "npm run build:weapp",
        4.5,
        40,
        # Its lock file lacks packages of other systems, which `npm ci` of some versions refuses.
        install=("npm", "install"),
    ),
    Project(
        "uni-app with pnpm",
        Platform.WECHAT,
        _uni_app_with_pnpm,
        native().with_(name=APP),
        "src/build.js",
        "dist/build/mp-weixin",
        "npm run build:mp-weixin",
        3.5,
        25,
        install=("pnpm", "install", "--frozen-lockfile"),
    ),
    Project(
        "retail",
        Platform.WECHAT,
        _retail,
        native().with_(name=APP),
        "utils/build.js",
        ".",
        None,
        6,
        20,
        packs_npm=True,
    ),
    *(
        Project(
            f"native-{platform}",
            platform,
            make_samples,
            native().with_(directory=platform),
            f"{platform}/utils/build.js",
            platform,
            None,
            new,
            same,
        )
        for platform, new, same in (
            (Platform.WECHAT, 5.0, 7.0),
            (Platform.ALIPAY, 5.0, 7.0),
            (Platform.DOUYIN, 2.6, 3.2),
        )
    ),
)


def measure(folder: Path) -> list[Measurement]:
    """Release each project: a new commit, the same commit again, and by a script."""
    wanted = os.environ.get("MPRELEASE_BENCH_PROJECTS", "").split(",")
    rows = []
    for project in PROJECTS:
        if project.make is _retail and _RETAIL not in os.environ:
            sys.stderr.write(f"  {project.name}: left out; {_RETAIL} names no clone of it\n")
        elif wanted == [""] or project.name in wanted:
            place = folder / project.name
            place.mkdir()
            place.chmod(_WALKABLE)
            rows += _of(place, project)
    return rows


def _of(folder: Path, project: Project) -> list[Measurement]:
    repository = project.make(folder / "repository")
    form = "export default" if project.build else "module.exports ="
    changes = Changes(repository, project.changed, form)
    with installed(folder, repository, project.app, project.platform) as installation:
        application = installation.application
        application.install_missing(project.platform, stop=Stop())
        application.machine.standby.enable()
        warm = _Warm(installation, project, repository, changes)
        with installation.working(_SLOTS):
            times = [warm.round() for _ in range(_ROUNDS + 1)][1:]
        warm.refuse_differences()
    # The fastest: load of the machine can only make a time longer.
    new, same, script = (min(of_way) for of_way in zip(*times, strict=True))
    name = project.name
    return [
        Measurement(f"{name}: a new commit", new, _BESIDE, script, _faster(project.new)),
        Measurement(f"{name}: the same again", same, _BESIDE, script, _faster(project.same)),
    ]


def _numbered_anew(content: bytes | None) -> bytes | None:
    """Return a file with other numbers of modules: the tool counts them from the time."""
    if content is None:
        return None
    numbers = dict.fromkeys(_MODULE_NUMBER.findall(content))
    order = {number: str(place).encode() for place, number in enumerate(numbers)}
    return _MODULE_NUMBER.sub(lambda match: order[match[0]], content)


def _faster(times: float) -> Target:
    return Target(Of.RATIO, 1 / times)


class _Warm:
    """The three ways to release, in turns; each new commit is released by all of them."""

    def __init__(
        self, installation: Installation, project: Project, repository: Path, changes: Changes
    ) -> None:
        self._installation = installation
        self._project = project
        self._repository = repository
        self._changes = changes
        self._sent: dict[str, Mapping[str, bytes]] = {}

    def round(self) -> tuple[float, float, float]:
        """Return the times in ms of a new commit, of the same again, and of the script."""
        self._changes.commit()
        return self._released("new"), self._released("same"), time_of(self.by_script)

    def by_script(self) -> None:
        folder = self._installation.folder
        place = clone(self._repository, folder / "clone")
        project = self._project
        if project.build or project.packs_npm:
            program, *options = project.install
            program = str(_pnpm(folder)) if program == "pnpm" else program
            run(folder, place, program, *options, "--prefer-offline", *_QUIET[project.install[0]])
        if project.build:
            run(folder, place, "sh", "-c", project.build)
        built = place / project.output
        publish(self._installation, project.platform, built, pack_npm=project.packs_npm)
        shutil.rmtree(place)
        self._note("script")

    def refuse_differences(self) -> None:
        """Raise InvalidMeasurement unless all ways have sent the same in the last round."""
        for way in ("new", "same"):
            ours, theirs = self._sent[way], self._sent["script"]
            different = {
                name
                for name in ours.keys() | theirs.keys()
                if _numbered_anew(ours.get(name)) != _numbered_anew(theirs.get(name))
                and not name.endswith(_NOT_COMPARED)
            }
            if different:
                raise InvalidMeasurement(f"{self._project.name}, {way}: {sorted(different)[:9]}")

    def _released(self, way: str) -> float:
        standby = self._installation.application.machine.standby
        while self._sent and not standby.is_ready(self._project.platform):
            time.sleep(_POLL_SECONDS)
        began = time.perf_counter()
        release = self._installation.ended(self._installation.request())
        took = (time.perf_counter() - began) * 1000
        if release.state is not State.SUCCEEDED:
            raise InvalidMeasurement(f"the release {release.state}: {release.error}")
        stages = (f"{each.name} {lasted(each)}" for each in release.stages)
        sys.stderr.write(f"  {way}: {took:.0f} ms ({', '.join(stages)})\n")
        self._note(way)
        return took

    def _note(self, way: str) -> None:
        self._sent[way] = dict(self._installation.service.received[-1].files)


def lasted(stage: StageRecord) -> int:
    """Return the duration of a stage that has ended, in ms."""
    assert stage.started_at is not None
    assert stage.ended_at is not None
    return stage.ended_at - stage.started_at


def npm(folder: Path, place: Path, *arguments: str) -> None:
    """Run npm in a project, with the cache of this benchmark."""
    run(folder, place, "npm", *arguments)


def run(folder: Path, place: Path, *command: str) -> None:
    """Run a command in a project; raise InvalidMeasurement if it fails."""
    environment = {
        **os.environ,
        "HOME": str(folder),
        "npm_config_cache": str(folder / "npm-cache"),
        "npm_config_store_dir": str(folder / "pnpm-store"),
        "CI": "true",
    }
    done = subprocess.run(
        command, cwd=place, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise InvalidMeasurement(f"{command}: {done.stderr[-2000:]}{done.stdout[-2000:]}")
