"""Live logs: 1,000 sockets on one release, many releases, two nodes, and a verbose build."""

from benchmarks.live.rows import measure

__all__ = ["measure"]
