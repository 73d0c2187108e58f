"""The stores of a data folder: their items, and which of them are removed, least used first."""

import os
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from mprelease.domain.stores import RemovalReason, StoreName, StoreReport
from mprelease.process.removal import remove

_BLOCK = 512
_LEFTOVER_SECONDS = 24 * 3600.0


@dataclass(frozen=True)
class Item:
    """A folder of a store: its size in bytes, and when it was used, in seconds since the epoch."""

    path: Path
    size: int
    used_at: float


@contextmanager
def unlocked(_: Path) -> Iterator[bool]:
    """Need no lock, for items whose time of use alone shows whether they are in use."""
    yield True


def never(_: Path) -> bool:
    """Return False: no item is superfluous by itself."""
    return False


@dataclass(frozen=True)
class DiskStore:
    """One kind of folders in the data folder, each of which can be made again.

    `pattern` finds the items in `folder`. `limit` is in bytes and `unused` in seconds; None means
    any. An item that was used within the last `recent` seconds stays, and so does one that `lock`
    yields False for. Items for which `is_superfluous` holds are removed for `reason`.
    """

    name: StoreName
    folder: Path
    pattern: str
    limit: int | None = None
    unused: float | None = None
    recent: float = 600.0
    lock: Callable[[Path], AbstractContextManager[bool]] = unlocked
    is_superfluous: Callable[[Path], bool] = never
    reason: RemovalReason = RemovalReason.ORPHAN

    def items(self) -> list[Item]:
        """List the items, the least recently used first."""
        seen: set[tuple[int, int]] = set()
        found = (_item(path, seen) for path in sorted(self.folder.glob(self.pattern)))
        return sorted((item for item in found if item), key=lambda item: item.used_at)


@dataclass
class Cleaner:
    """Remove items of stores; with `is_dry_run` only find out what would be removed.

    A removed folder is first moved to `trash`, on the same disk, while its lock is held. `needed`
    is the number of bytes to free beyond the stores' own limits. It ends early when `goes_on`
    returns False.
    """

    trash: Path
    is_dry_run: bool = False
    needed: int = 0
    now: float = field(default_factory=time.time)
    goes_on: Callable[[], bool] = lambda: True

    def clean(self, stores: list[DiskStore]) -> list[StoreReport]:
        """Remove what the limits of each store demand, then the least recently used of all."""
        states = [_State(store, store.items()) for store in stores]
        for state in states:
            self._remove_superfluous(state)
            self._remove_surplus(state)
        self._free(states)
        self._empty_trash()
        return [state.report() for state in states]

    def _remove_superfluous(self, state: "_State") -> None:
        store = state.store
        for item in list(state.kept):
            age = self.now - item.used_at
            if item.path.name.startswith("."):
                if age > _LEFTOVER_SECONDS:
                    self._remove(state, item, RemovalReason.LEFTOVER)
            elif store.is_superfluous(item.path):
                self._remove(state, item, store.reason)
            elif store.unused is not None and age > store.unused:
                self._remove(state, item, RemovalReason.AGE)

    def _remove_surplus(self, state: "_State") -> None:
        limit = state.store.limit
        for item in list(state.kept):
            if limit is None or state.size <= limit:
                return
            self._remove(state, item, RemovalReason.LIMIT)

    def _free(self, states: list["_State"]) -> None:
        missing = self.needed - sum(state.removed_size for state in states)
        oldest_first = sorted(
            ((item, state) for state in states for item in state.kept),
            key=lambda pair: pair[0].used_at,
        )
        for item, state in oldest_first:
            if missing <= 0:
                return
            if self._remove(state, item, RemovalReason.LOW_DISK):
                missing -= item.size

    def _remove(self, state: "_State", item: Item, reason: RemovalReason) -> bool:
        if self.now - item.used_at < state.store.recent or not self.goes_on():
            return False
        with state.store.lock(item.path) as is_unused:
            if not is_unused:
                return False
            if not self.is_dry_run and not self._discard(item.path):
                return False
        state.removed(item, reason)
        return True

    def _discard(self, path: Path) -> bool:
        """Move a folder to the trash; return False if another process has removed it."""
        self.trash.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = self.trash / secrets.token_hex(8)
        try:
            # Moving a folder requires write access to it, because its `..` entry changes.
            path.chmod(0o700)
            path.rename(place)
        except FileNotFoundError:
            return False
        except OSError:  # on another disk
            remove(path)
        return True

    def _empty_trash(self) -> None:
        if not self.is_dry_run and self.trash.is_dir():
            for folder in self.trash.iterdir():
                if self.goes_on():
                    remove(folder)


@dataclass
class _State:
    """A store during a cleanup."""

    store: DiskStore
    kept: list[Item]
    reasons: Counter[RemovalReason] = field(default_factory=Counter)
    removed_size: int = 0

    def __post_init__(self) -> None:
        self.count = len(self.kept)
        self.whole = sum(item.size for item in self.kept)

    @property
    def size(self) -> int:
        return self.whole - self.removed_size

    def removed(self, item: Item, reason: RemovalReason) -> None:
        self.kept.remove(item)
        self.reasons[reason] += 1
        self.removed_size += item.size

    def report(self) -> StoreReport:
        unused = self.store.unused
        return StoreReport(
            self.store.name,
            self.count,
            self.whole,
            self.store.limit,
            round(unused / 86_400) if unused is not None else 0,
            dict(self.reasons),
            self.removed_size,
        )


def _item(path: Path, seen: set[tuple[int, int]]) -> Item | None:
    """Return a folder as an item; None for a file, and if another process has removed it."""
    with suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            return Item(path, size_on_disk(path, seen), path.stat().st_mtime)
    return None


def size_on_disk(path: Path, seen: set[tuple[int, int]]) -> int:
    """Return the bytes that a folder takes; files with several names count once in `seen`."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in (".", *names):
            with suppress(OSError):
                state = Path(folder, name).lstat()
                if state.st_nlink > 1 and name != ".":
                    if (state.st_dev, state.st_ino) in seen:
                        continue
                    seen.add((state.st_dev, state.st_ino))
                total += state.st_blocks * _BLOCK
    return total
