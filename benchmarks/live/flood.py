"""A build that writes 10,000 lines per second, with and without watchers."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.installation import Installation, installed, native
from benchmarks.live.cluster import Cluster, Node, Watch, watching
from benchmarks.measuring import InvalidMeasurement, Measurement, Of, Target
from mprelease.domain.logs import START
from mprelease.domain.releases import Release, Stage
from mprelease.storage import logs
from repositories import make_repository

_LINES = 100_000
_WATCHERS = 50
_ROUNDS = 3
_DELAY_MS = 3000
_RATIO = Target(Of.RATIO, 1.05)
# It waits for the watchers, writes at this rate for 10 s, and fails: nothing is published.
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
    """Run the same release with and without watchers, alternately."""
    script = _BUILD % (_DELAY_MS, _LINES, _LINES)
    files = {"project.config.json": "{}", "app.json": '{"pages":["a"]}', "lines.js": script}
    repository = make_repository(folder / "repository", files)
    with installed(folder / "flood", repository, native("node lines.js")) as installation:
        cluster = Cluster(installation.folder, master_key=None)
        cluster.add_users(installation.application.services)
        settings = installation.application.settings
        more = {
            "MPRELEASE_TOOLS_DIR": str(settings.tools),
            "MPRELEASE_VENDOR_PROXY": str(settings.vendor_proxy),
            "MPRELEASE_EXTRA_CA_CERTS": str(settings.extra_ca_certs),
        }
        serve = ("-m", "mprelease", "serve", "--port", "PORT")
        with cluster.node("flood", *serve, **more) as node:
            _took(installation, cluster, node, 0)  # to warm up
            rounds = [
                [_took(installation, cluster, node, count) for count in (_WATCHERS, 0)]
                for _ in range(_ROUNDS)
            ]
    watched, alone = (median(one) for one in zip(*rounds, strict=True))
    what = f"10,000 lines/s for 10 s, {_WATCHERS} watchers"
    yield Measurement(what, watched, "without watchers", alone, _RATIO)


def _took(installation: Installation, cluster: Cluster, node: Node, count: int) -> float:
    """Return how long a release's build wrote lines, in ms; raise if lines are missing."""
    release_id = installation.request()
    watches = [Watch(node, release_id, count)]
    with watching(cluster, watches if count else []) as report:
        release = installation.ended(release_id)
    with installation.application.services.database.reading() as db:
        stored = [line.text for line in logs.after(db, release_id, START)]
    spoken = sum("000000 xxx" in text for text in stored)
    if spoken != _LINES:
        raise InvalidMeasurement(f"{spoken} of {_LINES} lines are stored: {stored[-3:]}")
    if count and not len(stored) == report[0]["fewest"] == report[0]["most"]:
        raise InvalidMeasurement(f"watchers had {report[0]['fewest']} lines of {len(stored)}")
    return _build_ms(release) - _DELAY_MS


def _build_ms(release: Release) -> int:
    [build] = [one for one in release.stages if one.name is Stage.BUILD]
    assert build.started_at
    assert build.ended_at
    return build.ended_at - build.started_at
