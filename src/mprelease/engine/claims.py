"""Claim the best eligible release, in competition with other workers."""

import secrets
from collections.abc import Mapping, Sequence

from mprelease.domain.platforms import Platform
from mprelease.platforms.registry import served
from mprelease.storage import queue
from mprelease.storage.candidates import candidates, platforms_of
from mprelease.storage.claim_preference import left_to_others
from mprelease.storage.database import Database, Reader
from mprelease.storage.queue import Lease

# Attempts while other workers claim all candidates first.
_TRIES = 5


def claim_next(database: Database, worker: str, labels: Sequence[str], ttl: int) -> Lease | None:
    """Claim the best eligible release for `ttl` ms; None when there is none.

    A new release is left for some seconds to a worker that needs less time for it.
    """
    for _ in range(_TRIES):
        with database.reading() as db:
            queued = candidates(db, labels, served())
            left = left_to_others(db, worker, queued) if queued else frozenset()
        chosen = [each for each in queued if each not in left]
        if not chosen:
            return None
        for candidate in chosen:
            lease = queue.claim(database, candidate, worker, secrets.token_hex(16), ttl)
            if lease:
                return lease
    return None


def queued_platforms(db: Reader, labels: Sequence[str]) -> Mapping[Platform, int]:
    """Count the next releases that these labels could run at once, by their platforms."""
    return platforms_of(db, candidates(db, labels, served()))
