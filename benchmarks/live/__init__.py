"""Watching: a thousand sockets on one release, many on many, two nodes, and a build that floods."""

from benchmarks.live.rows import measure

__all__ = ["measure"]
