"""A build that says ten thousand lines a second, watched and unwatched."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.live.stage import Node, Stage, Watch, watching
from benchmarks.measuring import BrokenPromise, Measurement, Of, Target
from benchmarks.scene import Scene, native, staged
from mprelease.domain.logs import START
from mprelease.domain.releases import Release
from mprelease.domain.releases import Stage as StageName
from mprelease.storage import logs
from repositories import make_repository

_LINES = 100_000
_WATCHERS = 50
_ROUNDS = 3
_PATIENCE_MS = 3000
_RATIO = Target(Of.RATIO, 1.05)
# It waits for the watchers, keeps its pace for ten seconds, and fails: nothing is published.
_BUILD = """
let began = Date.now() + %d, said = 0;
setInterval(() => {
  const due = Math.min(%d, (Date.now() - began) * 10);
  let text = "";
  for (; said < due; said++) text += `${Date.now()}000000 ${"x".repeat(40)}\\n`;
  if (text) process.stdout.write(text, () => due === %d && process.exit(1));
}, 10);
"""


def flood(folder: Path) -> Iterator[Measurement]:
    """Let the same release run with and without watchers, in turn."""
    script = _BUILD % (_PATIENCE_MS, _LINES, _LINES)
    files = {"project.config.json": "{}", "app.json": '{"pages":["a"]}', "lines.js": script}
    repository = make_repository(folder / "repository", files)
    with staged(folder / "flood", repository, native("node lines.js")) as scene:
        stage = Stage(scene.folder, master_key=None)
        stage.invite(scene.application.services)
        settings = scene.application.settings
        more = {
            "MPRELEASE_TOOLS_DIR": str(settings.tools),
            "MPRELEASE_VENDOR_PROXY": str(settings.vendor_proxy),
            "MPRELEASE_EXTRA_CA_CERTS": str(settings.extra_ca_certs),
        }
        serve = ("-m", "mprelease", "serve", "--port", "PORT")
        with stage.node("flood", *serve, **more) as node:
            _took(scene, stage, node, 0)  # For warming up alone.
            rounds = [
                [_took(scene, stage, node, count) for count in (_WATCHERS, 0)]
                for _ in range(_ROUNDS)
            ]
    watched, alone = (median(one) for one in zip(*rounds, strict=True))
    what = f"10,000 lines/s for 10 s, {_WATCHERS} watchers"
    yield Measurement(what, watched, "without watchers", alone, _RATIO)


def _took(scene: Scene, stage: Stage, node: Node, count: int) -> float:
    """Return for how long the build of a release spoke, in ms; nothing may be missing."""
    release_id = scene.request()
    watches = [Watch(node, release_id, count)]
    with watching(stage, watches if count else []) as report:
        release = scene.ended(release_id)
    with scene.application.services.database.reading() as db:
        stored = [line.text for line in logs.after(db, release_id, START)]
    spoken = sum("000000 xxx" in text for text in stored)
    if spoken != _LINES:
        raise BrokenPromise(f"{spoken} of {_LINES} lines are stored: {stored[-3:]}")
    if count and not len(stored) == report[0]["fewest"] == report[0]["most"]:
        raise BrokenPromise(f"watchers had {report[0]['fewest']} lines of {len(stored)}")
    return _build_ms(release) - _PATIENCE_MS


def _build_ms(release: Release) -> int:
    [build] = [one for one in release.stages if one.name is StageName.BUILD]
    assert build.started_at
    assert build.ended_at
    return build.ended_at - build.started_at
