"""The rows of the table: the delay of lines for all watchers, and the cost of watchers."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import servers
from benchmarks.live.cluster import Cluster, Node, Watch, ended, unread_socket, watching
from benchmarks.live.flood import flood
from benchmarks.measuring import InvalidMeasurement, Measurement, Of, Target

_NODE = ("-m", "benchmarks.live.node")


def measure(folder: Path) -> list[Measurement]:
    """Measure one node, two nodes over Redis, and a build with much output."""
    return [*_one(folder / "one"), *_many(folder / "many"), *_two(folder / "two"), *flood(folder)]


def _one(folder: Path) -> Iterator[Measurement]:
    """Watch one release with 1,000 sockets, and one more socket that is not read."""
    cluster = _cluster(folder, 1)
    [release_id] = cluster.request(1, 1000, 30)
    with (
        cluster.node("one", *_NODE, "serve", "PORT") as node,
        unread_socket(node, cluster.tokens[0], release_id),
    ):
        report = _watched(cluster, [node], [Watch(node, release_id, 1000)], 30_000)
    yield from _rows("1,000 sockets, 1 release, 1,000 lines/s", report, 250)


def _many(folder: Path) -> Iterator[Measurement]:
    cluster = _cluster(folder, 50)
    started = cluster.request(50, 20, 15)
    with cluster.node("many", *_NODE, "serve", "PORT") as node:
        watches = [Watch(node, release_id, 4) for release_id in started]
        report = _watched(cluster, [node], watches, 300)
    yield from _rows("200 sockets, 50 releases, 1,000 lines/s", report, 250)


def _two(folder: Path) -> Iterator[Measurement]:
    """Watch one release on two web nodes without workers, with Redis and PostgreSQL."""
    with ExitStack() as running:
        redis = running.enter_context(servers.redis_server()).url
        database = running.enter_context(servers.postgresql()).new_database()
        cluster = _cluster(folder, 1, database, redis)
        [release_id] = cluster.request(1, 1000, 30)
        running.enter_context(cluster.node("worker", *_NODE, "work"))
        serve = ("-m", "mprelease", "serve", "--no-worker", "--port", "PORT")
        nodes = [running.enter_context(cluster.node(f"web{number}", *serve)) for number in (1, 2)]
        watches = [Watch(node, release_id, 500) for node in nodes]
        report = _watched(cluster, nodes, watches, 30_000)
    yield from _rows("500 + 500 sockets, 2 nodes over Redis", report, 400)


def _cluster(
    folder: Path, apps: int, database: str | None = None, redis: str | None = None
) -> Cluster:
    folder.mkdir()
    cluster = Cluster(folder, database, redis)
    cluster.add_apps(apps)
    return cluster


def _watched(
    cluster: Cluster, nodes: Sequence[Node], watches: Sequence[Watch], least: int
) -> Mapping[str, Any]:
    """Run the releases with watchers; return the watchers' report and the nodes' cost."""
    alone = _memory(nodes)
    # Opened before the measurement, because opening takes CPU time.
    with cluster.services() as services, watching(cluster, watches) as reports:
        before = sum(node.seconds() for node in nodes)
        cluster.go.touch()
        for watch in watches:
            release = ended(services, watch.release)
        after = sum(node.seconds() for node in nodes)
        assert release.started_at
        assert release.ended_at
        took = (release.ended_at - release.started_at) / 1000
        memory = _memory(nodes)
    [report] = reports
    if not least <= report["fewest"] == report["most"]:
        raise InvalidMeasurement(
            f"watchers had {report['fewest']} to {report['most']} lines of {least}"
        )
    return {
        **report,
        "share": (after - before) / took,
        "memory": memory,
        "alone": alone,
        "took": took,
    }


def _memory(nodes: Sequence[Node]) -> float:
    """Return the resident memory of the largest node, in MB."""
    return max(node.megabytes() for node in nodes)


def _rows(what: str, report: Mapping[str, Any], below: float) -> Iterator[Measurement]:
    late = Target(Of.ALONE, below)
    yield Measurement(f"{what}, p99", report["p99"], "p50", max(report["p50"], 1), late)
    yield Measurement(
        "… cores of the nodes, in %",
        report["share"] * 100,
        "of the watchers",
        report["cpu"] / report["took"] * 100,
    )
    yield Measurement(
        "… memory of a node, MB", report["memory"], "before they came", report["alone"]
    )
