"""Claim the best eligible release, in competition with other workers."""

import secrets
from collections.abc import Sequence

from mprelease.platforms.registry import served
from mprelease.storage import queue
from mprelease.storage.claim_preference import left_to_others
from mprelease.storage.database import Database
from mprelease.storage.queue import Lease

# Attempts while other workers claim all candidates first.
_TRIES = 5


def claim_next(database: Database, worker: str, labels: Sequence[str], ttl: int) -> Lease | None:
    """Claim the best eligible release for `ttl` ms; None when there is none.

    A new release is left for some seconds to a worker that needs less time for it.
    """
    for _ in range(_TRIES):
        with database.reading() as db:
            queued = queue.candidates(db, labels, served())
            left = left_to_others(db, worker, queued) if queued else frozenset()
        candidates = [each for each in queued if each not in left]
        if not candidates:
            return None
        for candidate in candidates:
            lease = queue.claim(database, candidate, worker, secrets.token_hex(16), ttl)
            if lease:
                return lease
    return None
