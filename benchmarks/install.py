"""The install stage with an existing dependency set, compared to `npm ci` by a script."""

import io
import json
import subprocess
import tarfile
from pathlib import Path
from statistics import median

from benchmarks.installation import Installation, installed, native
from benchmarks.measuring import InvalidMeasurement, Measurement, Of, Target, time_of
from benchmarks.repository import Changes, clone, make
from mprelease.domain.releases import Release, Stage, StageRecord

_WARM_RELEASES = 5
_FILES = 30_000
_FILES_PER_FOLDER = 100
_PACKAGE = "large"
_ARCHIVE = "large-1.0.0.tgz"
_NAMED = {"name": "native", "version": "1.0.0", "dependencies": {_PACKAGE: f"file:{_ARCHIVE}"}}
# The build fails, so the release ends: later stages are not measured here.
_NO_BUILD = "false"


def measure(folder: Path) -> list[Measurement]:
    """Install 30,000 files from an archive in the repository, without a registry."""
    repository = make(folder / "repository", _files())
    changes = Changes(repository, "app.js")
    with (
        installed(folder, repository, native(build_command=_NO_BUILD)) as installation,
        installation.working(2),
    ):
        _ended(installation, installation.request())
        warm = [_warm(installation, changes) for _ in range(_WARM_RELEASES)]
        second_slot = _in_second_slot(installation, changes)
    by_hand = clone(repository, folder / "clone")
    theirs = time_of(lambda: _npm_ci(by_hand))
    target = Target(Of.ALONE, 50)
    there = median(_lasted(each, Stage.INSTALL) for each in warm)
    build = median(_lasted(each, Stage.BUILD) for each in warm)
    second = _lasted(second_slot, Stage.INSTALL)
    return [
        Measurement("install stage, 30,000 files there already", there, "npm ci", theirs, target),
        Measurement("the same, first time in the second slot", second, "npm ci", theirs, target),
        Measurement("build stage that builds nothing, with them", build, "npm ci", theirs, None),
    ]


def _warm(installation: Installation, changes: Changes) -> Release:
    changes.commit()
    return _cached(_ended(installation, installation.request()))


def _in_second_slot(installation: Installation, changes: Changes) -> Release:
    """Run releases in both slots concurrently; return the one of the slot that is used first."""
    changes.commit()
    both = [installation.request(robot) for robot in (1, 2)]
    return max((_cached(_ended(installation, each)) for each in both), key=lambda one: one.id)


def _cached(release: Release) -> Release:
    if not _stage(release, Stage.INSTALL).cached:
        raise InvalidMeasurement("an unchanged lock file was installed again")
    return release


def _ended(installation: Installation, number: int) -> Release:
    release = installation.ended(number)
    if release.failed_stage is not Stage.BUILD:
        raise InvalidMeasurement(f"the release ended in {release.failed_stage}: {release.error}")
    return release


def _lasted(release: Release, name: Stage) -> float:
    stage = _stage(release, name)
    assert stage.started_at is not None
    assert stage.ended_at is not None
    return stage.ended_at - stage.started_at


def _stage(release: Release, name: Stage) -> StageRecord:
    return next(stage for stage in release.stages if stage.name is name)


def _npm_ci(folder: Path) -> None:
    command = ("npm", "ci", "--no-audit", "--no-fund")
    subprocess.run(command, cwd=folder, capture_output=True, check=True)


def _files() -> dict[str, str | bytes]:
    lock = {
        **{key: _NAMED[key] for key in ("name", "version")},
        "lockfileVersion": 3,
        "packages": {
            "": _NAMED,
            f"node_modules/{_PACKAGE}": {"version": "1.0.0", "resolved": f"file:{_ARCHIVE}"},
        },
    }
    return {
        ".gitignore": "node_modules\n",
        "app.json": json.dumps({"pages": []}),
        "package.json": json.dumps(_NAMED),
        "package-lock.json": json.dumps(lock),
        _ARCHIVE: _archive(),
    }


def _archive() -> bytes:
    """Return a package in npm's format: all files are in the folder `package`."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz", compresslevel=1) as archive:
        _add(archive, "package.json", json.dumps({"name": _PACKAGE, "version": "1.0.0"}))
        for number in range(_FILES):
            name = f"lib/{number // _FILES_PER_FOLDER}/{number}.js"
            _add(archive, name, f"module.exports = {number}\n")
    return written.getvalue()


def _add(archive: tarfile.TarFile, name: str, text: str) -> None:
    entry = tarfile.TarInfo(f"package/{name}")
    entry.size = len(text)
    archive.addfile(entry, io.BytesIO(text.encode("ascii")))
