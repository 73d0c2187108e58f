"""The rows of the table: how late a line comes to all who watch, and what watching costs."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import servers
from benchmarks.live.flood import flood
from benchmarks.live.stage import Node, Stage, Watch, deaf, ended, watching
from benchmarks.measuring import BrokenPromise, Measurement, Of, Target

_SPEAKS = ("-m", "benchmarks.live.speaking")


def measure(folder: Path) -> list[Measurement]:
    """Measure on one node, on two over Redis, and with a build that floods."""
    return [*_one(folder / "one"), *_many(folder / "many"), *_two(folder / "two"), *flood(folder)]


def _one(folder: Path) -> Iterator[Measurement]:
    """Watch one release with a thousand sockets, and one more that does not read."""
    stage = _staged(folder, 1)
    [release_id] = stage.request(1, 1000, 30)
    with (
        stage.node("one", *_SPEAKS, "serve", "PORT") as node,
        deaf(node, stage.tokens[0], release_id),
    ):
        told = _heard(stage, [node], [Watch(node, release_id, 1000)], 30_000)
    yield from _rows("1,000 sockets, 1 release, 1,000 lines/s", told, 250)


def _many(folder: Path) -> Iterator[Measurement]:
    stage = _staged(folder, 50)
    started = stage.request(50, 20, 15)
    with stage.node("many", *_SPEAKS, "serve", "PORT") as node:
        watches = [Watch(node, release_id, 4) for release_id in started]
        told = _heard(stage, [node], watches, 300)
    yield from _rows("200 sockets, 50 releases, 1,000 lines/s", told, 250)


def _two(folder: Path) -> Iterator[Measurement]:
    """Two web nodes without workers, a worker, and Redis and a database between them."""
    with ExitStack() as running:
        redis = running.enter_context(servers.redis_server()).url
        database = running.enter_context(servers.postgresql()).new_database()
        stage = _staged(folder, 1, database, redis)
        [release_id] = stage.request(1, 1000, 30)
        running.enter_context(stage.node("worker", *_SPEAKS, "work"))
        serve = ("-m", "mprelease", "serve", "--no-worker", "--port", "PORT")
        nodes = [running.enter_context(stage.node(f"web{number}", *serve)) for number in (1, 2)]
        watches = [Watch(node, release_id, 500) for node in nodes]
        told = _heard(stage, nodes, watches, 30_000)
    yield from _rows("500 + 500 sockets, 2 nodes over Redis", told, 400)


def _staged(
    folder: Path, apps: int, database: str | None = None, redis: str | None = None
) -> Stage:
    folder.mkdir()
    stage = Stage(folder, database, redis)
    stage.furnish(apps)
    return stage


def _heard(
    stage: Stage, nodes: Sequence[Node], watches: Sequence[Watch], least: int
) -> Mapping[str, Any]:
    """Let the releases speak to the watchers, and return what these say, with the nodes' cost."""
    alone = _memory(nodes)
    # Opened before they speak: it takes a core for a moment.
    with stage.services() as services, watching(stage, watches) as report:
        before = sum(node.seconds() for node in nodes)
        stage.go.touch()
        for watch in watches:
            release = ended(services, watch.release)
        after = sum(node.seconds() for node in nodes)
        assert release.started_at
        assert release.ended_at
        took = (release.ended_at - release.started_at) / 1000
        memory = _memory(nodes)
    [told] = report
    if not least <= told["fewest"] == told["most"]:
        raise BrokenPromise(f"watchers had {told['fewest']} to {told['most']} lines of {least}")
    return {
        **told,
        "share": (after - before) / took,
        "memory": memory,
        "alone": alone,
        "took": took,
    }


def _memory(nodes: Sequence[Node]) -> float:
    """Return the resident memory of the largest node, in MB."""
    return max(node.megabytes() for node in nodes)


def _rows(what: str, told: Mapping[str, Any], below: float) -> Iterator[Measurement]:
    late = Target(Of.ALONE, below)
    yield Measurement(f"{what}, p99", told["p99"], "p50", max(told["p50"], 1), late)
    yield Measurement(
        "… cores of the nodes, in %",
        told["share"] * 100,
        "of the watchers",
        told["cpu"] / told["took"] * 100,
    )
    yield Measurement("… memory of a node, MB", told["memory"], "before they came", told["alone"])
