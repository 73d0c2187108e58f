"""Which entries of a folder to remove when only the most recently used ones are kept."""

import secrets
from contextlib import suppress
from pathlib import Path

from mprelease.process.removal import remove

IN_USE_SECONDS = 6 * 3600.0
"""Longer than any release: what was used within this time and has no lock may be in use."""


def least_recently_used(
    folder: Path, kept: int, *, used_before: float | None = None, holding: str = ""
) -> list[Path]:
    """Return the entries to remove, the least recently used first; `kept` others remain.

    The time of use is the entry's modification time. Entries that were used at `used_before`
    (seconds since the epoch) or later are never returned. With `holding`, only folders that hold a
    file of this name count. Other slots may remove entries meanwhile.
    """
    used = {entry: at for entry in folder.iterdir() if (at := _used_at(entry, holding)) is not None}
    oldest_first = sorted(used, key=lambda each: used[each])
    surplus = oldest_first[: max(0, len(oldest_first) - kept)]
    return [each for each in surplus if used_before is None or used[each] < used_before * 1e9]


def drop_oldest(folder: Path, kept: int, now: float, *, holding: str = "") -> None:
    """Remove the least recently used entries beyond `kept`, but none used in the last 6 hours.

    `now` is in seconds since the epoch; `holding` as in `least_recently_used`.
    """
    surplus = least_recently_used(folder, kept, used_before=now - IN_USE_SECONDS, holding=holding)
    for entry in surplus:
        former = folder / f".former-{secrets.token_hex(4)}"
        # Renamed first, so that an entry with its name is always complete.
        with suppress(FileNotFoundError):
            entry.rename(former)
            remove(former)


def _used_at(entry: Path, holding: str) -> int | None:
    """Return the time of use in ns; None for an entry that does not count, or was removed."""
    try:
        return entry.stat().st_mtime_ns if not holding or (entry / holding).is_file() else None
    except FileNotFoundError:
        return None
