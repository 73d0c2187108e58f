"""Releases of a commit that is new, and of one that was built, compared to a person's script.

The script is what teams run without mprelease: `git clone`, `npm ci`, the build, and the vendor's
JavaScript API, with a warm npm cache. mprelease runs a worker with two slots. Before a time counts,
what arrived at the simulated platform must be the same, by name and content, from both: for a
preview and an upload, after the code, the configuration, the lock file, the environment and the
branch have changed.
"""

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.installation import Installation, installed
from benchmarks.measuring import InvalidMeasurement, Measurement, Of, Target, time_of
from benchmarks.repository import Changes, clone, commit, git
from benchmarks.vendor_script import publish
from benchmarks.warm_projects import PROJECTS, RETAIL, Project, install_and_build, retail
from mprelease.domain.apps import Environment
from mprelease.domain.releases import Kind, StageRecord, State
from mprelease.process.tree import Stop

_ROUNDS = 3
_SLOTS = 2
_POLL_SECONDS = 0.01
# Builds under other user ids must be able to traverse the folder.
_WALKABLE = 0o711
_BESIDE = "git clone, npm ci, build, vendor's tool"
_MODULE_NUMBER = re.compile(rb"(?<!\d)1[5-9]\d{11}(?!\d)")
_NOT_COMPARED = ("project.config.json", "project.private.config.json", "mini.project.json")


def measure(folder: Path) -> list[Measurement]:
    """Release each project: a new commit, the same commit again, and by a script."""
    wanted = os.environ.get("MPRELEASE_BENCH_PROJECTS", "").split(",")
    rows = []
    for project in PROJECTS:
        if project.make is retail and RETAIL not in os.environ:
            sys.stderr.write(f"  {project.name}: left out; {RETAIL} names no clone of it\n")
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
            warm.check_changes()
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

    def by_script(self, environment: Environment = Environment.PRODUCTION) -> None:
        """Release the repository's present commit as a person's script does."""
        folder, project = self._installation.folder, self._project
        place = clone(self._repository, folder / "clone")
        is_development = environment is Environment.DEVELOPMENT
        build = project.develop if is_development else project.build
        install_and_build(folder, place, project, build)
        built = place / project.output
        publish(self._installation, project.platform, built, pack_npm=project.packs_npm)
        shutil.rmtree(place)
        self._note("script")

    def check_changes(self) -> None:
        """Raise InvalidMeasurement unless all ways send the same, now and after each change."""
        self._refuse_differences("code", "new", "same")
        for what, ref, environment in self._changed():
            for kind in Kind:
                self._released(kind, kind, ref, environment)
            self.by_script(environment)
            self._refuse_differences(what, *Kind)

    def _changed(self) -> Iterator[tuple[str, str, Environment]]:
        """Change something of the repository, and yield what, and what to release."""
        name, old, new = self._project.config
        file = self._repository / name
        text = file.read_text(encoding="utf-8")
        if old not in text:
            raise InvalidMeasurement(f"{name} has no {old}")
        file.write_text(text.replace(old, new, 1), encoding="utf-8")
        commit(self._repository)
        yield "configuration", "main", Environment.PRODUCTION
        for name in ("package.json", "package-lock.json"):
            file = self._repository / name
            if file.is_file():
                content = json.loads(file.read_text(encoding="utf-8"))
                content["version"] = "1.2.3"
                file.write_text(json.dumps(content), encoding="utf-8")
        self._changes.commit()
        yield "lock file", "main", Environment.PRODUCTION
        if self._project.develop:
            yield "environment", "main", Environment.DEVELOPMENT
        git(self._repository, "checkout", "--quiet", "-b", "topic")
        self._changes.commit()
        yield "branch", "topic", Environment.PRODUCTION

    def _refuse_differences(self, what: str, *ways: str) -> None:
        for way in ways:
            ours, theirs = self._sent[way], self._sent["script"]
            different = {
                name
                for name in ours.keys() | theirs.keys()
                if _numbered_anew(ours.get(name)) != _numbered_anew(theirs.get(name))
                and not name.endswith(_NOT_COMPARED)
            }
            if different:
                about = f"{self._project.name}, {what}, {way}"
                raise InvalidMeasurement(f"{about}: {sorted(different)[:9]}")

    def _released(
        self,
        way: str,
        kind: Kind = Kind.PREVIEW,
        ref: str = "main",
        environment: Environment = Environment.PRODUCTION,
    ) -> float:
        standby = self._installation.application.machine.standby
        while self._sent and not standby.is_ready(self._project.platform):
            time.sleep(_POLL_SECONDS)
        began = time.perf_counter()
        number = self._installation.request(kind=kind, ref=ref, environment=environment)
        release = self._installation.ended(number)
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
