"""Caches that builds write and later builds read, separated by scope.

A release works on a copy, which replaces the scope's content after a successful build; the last
build wins. A new scope may start from the one of the default branch, never the other way round.
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
from mprelease.workspace.layout import of_app
from mprelease.workspace.retention import least_recently_used

_KEPT_PER_REPOSITORY = 16
_TRIES = 3


def scope_of(*parts: str, app_id: int | None = None) -> str:
    """Return the name of the scope for these parts, from which `app_of` reads the app's id."""
    name = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
    return name if app_id is None else of_app(name, app_id)


@dataclass(frozen=True)
class CacheScopes:
    """The scopes of one repository, each a folder that confined commands cannot see."""

    folder: Path

    def restore(self, scope: str, seed: str | None, place: Path, copier: Copier) -> bool:
        """Copy a scope, or else its seed, to `place`; return whether one of them existed."""
        return any(
            self._restored(self.folder / name, place, copier)
            for name in filter(None, (scope, seed))
            for _ in range(_TRIES)
        )

    def save(self, scope: str, place: Path) -> None:
        """Move a working copy from `place` to the scope, and replace its former content."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            self._remove(self.folder / scope)
            try:
                place.rename(self.folder / scope)
            except OSError as error:
                # Another slot has saved the same scope meanwhile.
                if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                    raise
            else:
                break
        for entry in least_recently_used(self.folder, _KEPT_PER_REPOSITORY):
            self._remove(entry)

    def _restored(self, kept: Path, place: Path, copier: Copier) -> bool:
        """Copy a scope; return False, and leave no copy, if it was replaced meanwhile."""
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
        # A scope is renamed before it is removed: one with the same inode was copied completely.
        if _identity(kept) == before:
            return True
        remove(place)
        return False

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
