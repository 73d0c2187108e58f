"""The install stage when the dependencies are there already, beside `npm ci` by a script."""

import io
import json
import subprocess
import tarfile
from pathlib import Path
from statistics import median

from benchmarks.measuring import BrokenPromise, Measurement, Of, Target, time_of
from benchmarks.repository import Changes, clone, make
from benchmarks.scene import Scene, native, staged
from mprelease.domain.releases import Stage, StageRecord

_WARM_RELEASES = 5
_FILES = 20_000
_FILES_PER_FOLDER = 100
_PACKAGE = "large"
_ARCHIVE = "large-1.0.0.tgz"
_NAMED = {"name": "native", "version": "1.0.0", "dependencies": {_PACKAGE: f"file:{_ARCHIVE}"}}
# The release ends with the build: what comes after the install is not measured here.
_NO_BUILD = "false"


def measure(folder: Path) -> list[Measurement]:
    """Install 20,000 files from an archive in the repository: no registry is asked."""
    repository = make(folder / "repository", _files())
    changes = Changes(repository, "app.js")
    with staged(folder, repository, native(build_command=_NO_BUILD)) as scene, scene.working():
        _install(scene)
        warm = [_warm_install(scene, changes) for _ in range(_WARM_RELEASES)]
    by_hand = clone(repository, folder / "clone")
    theirs = time_of(lambda: _npm_ci(by_hand))
    what = "install stage, 20,000 files there already"
    return [Measurement(what, median(warm), "npm ci", theirs, Target(Of.ALONE, 500))]


def _warm_install(scene: Scene, changes: Changes) -> float:
    changes.commit()
    stage = _install(scene)
    if not stage.cached:
        raise BrokenPromise("an unchanged lock file was installed again")
    assert stage.started_at is not None
    assert stage.ended_at is not None
    return stage.ended_at - stage.started_at


def _install(scene: Scene) -> StageRecord:
    release = scene.ended(scene.request())
    if release.failed_stage is not Stage.BUILD:
        raise BrokenPromise(f"the release ended in {release.failed_stage}: {release.error}")
    return next(stage for stage in release.stages if stage.name is Stage.INSTALL)


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
    """Return a package as npm packs it: everything lies in the folder `package`."""
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
