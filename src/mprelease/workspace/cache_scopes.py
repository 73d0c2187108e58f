"""What builds write and later builds read, kept by who may trust it.

A release works on a copy and gives it back when its build has succeeded; the last one wins. The
scope of the default branch may be the beginning of others, never the other way.
"""

import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from mprelease.process.copying import Copier
from mprelease.process.removal import remove

_KEPT_PER_REPOSITORY = 16


def scope_of(*parts: str) -> str:
    """Return the name of the scope that all these parts decide together."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class CacheScopes:
    """The scopes of one repository, each a folder that nobody confined sees."""

    folder: Path

    def bring(self, scope: str, seed: str | None, place: Path, copier: Copier) -> bool:
        """Make a working copy of a scope, else of its seed, else nothing; tell which it was."""
        for name in filter(None, (scope, seed)):
            kept = self.folder / name
            if kept.is_dir():
                os.utime(kept)
                remove(place)
                copier.copy(kept, place)
                return True
        return False

    def give_back(self, scope: str, place: Path) -> None:
        """Let a working copy be the scope's content from now on; `place` is gone then."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept, former = self.folder / scope, self.folder / f".former-{secrets.token_hex(4)}"
        if kept.is_dir():
            kept.rename(former)
        place.rename(kept)
        remove(former)
        self._drop_oldest()

    def _drop_oldest(self) -> None:
        scopes = sorted(self.folder.iterdir(), key=lambda entry: entry.stat().st_mtime)
        for entry in scopes[:-_KEPT_PER_REPOSITORY]:
            remove(entry)
