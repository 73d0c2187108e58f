"""What builds write and later builds read, kept by who may trust it.

A release works on a copy and gives it back when its build has succeeded; the last one wins. The
scope of the default branch may be the beginning of others, never the other way.
"""

import errno
import hashlib
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mprelease.process.copying import Copier
from mprelease.process.removal import remove

_KEPT_PER_REPOSITORY = 16
_TRIES = 3


def scope_of(*parts: str) -> str:
    """Return the name of the scope that all these parts decide together."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class CacheScopes:
    """The scopes of one repository, each a folder that nobody confined sees."""

    folder: Path

    def bring(self, scope: str, seed: str | None, place: Path, copier: Copier) -> bool:
        """Make a working copy of a scope, else of its seed, else nothing; tell which it was."""
        return any(
            self._brought(self.folder / name, place, copier)
            for name in filter(None, (scope, seed))
            for _ in range(_TRIES)
        )

    def give_back(self, scope: str, place: Path) -> None:
        """Let a working copy be the scope's content from now on; `place` is gone then."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            self._remove(self.folder / scope)
            try:
                place.rename(self.folder / scope)
            except OSError as error:
                # Another slot has given the same scope back meanwhile.
                if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                    raise
            else:
                break
        self._drop_oldest()

    def _brought(self, kept: Path, place: Path, copier: Copier) -> bool:
        """Copy a scope; leave nothing, and return False, where it went away meanwhile."""
        before = _identity(kept)
        if before is None:
            return False
        remove(place)
        try:
            os.utime(kept)
            copier.copy(kept, place)
        except FileNotFoundError:
            if _identity(kept) == before:
                raise
        # Whatever is removed is renamed first: what still has its name was copied as a whole.
        if _identity(kept) == before:
            return True
        remove(place)
        return False

    def _drop_oldest(self) -> None:
        used = {entry: at for entry in self.folder.iterdir() if (at := _used_at(entry))}
        for entry in sorted(used, key=lambda each: used[each])[:-_KEPT_PER_REPOSITORY]:
            self._remove(entry)

    def _remove(self, kept: Path) -> None:
        former = self.folder / f".former-{secrets.token_hex(4)}"
        with suppress(FileNotFoundError):
            kept.rename(former)
            remove(former)


def _identity(folder: Path) -> int | None:
    try:
        return folder.stat().st_ino
    except FileNotFoundError:
        return None


def _used_at(entry: Path) -> int:
    """Return when a scope was used last (ns); 0 for what another slot has removed."""
    try:
        return entry.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
