"""QR codes of releases: when they were made, and until when they can be scanned."""

from dataclasses import dataclass
from enum import StrEnum

_SECOND_MS = 1000


class Validity(StrEnum):
    """Whether a QR code ends: at a known time, never, or at an unknown one."""

    LIMITED = "limited"
    UNLIMITED = "unlimited"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Lifetime:
    """How long a QR code can be scanned.

    A limited one ends `seconds` after it was made, or at `until`, in ms since the epoch.
    """

    validity: Validity = Validity.UNKNOWN
    seconds: int | None = None
    until: int | None = None

    def end(self, made_at: int) -> int | None:
        """Return the end of a code that was made then, in ms since the epoch; None for no end."""
        if self.until is not None or self.seconds is None:
            return self.until
        return made_at + self.seconds * _SECOND_MS


UNKNOWN = Lifetime()
UNLIMITED = Lifetime(Validity.UNLIMITED)


def lasting(*, minutes: int = 0, days: int = 0) -> Lifetime:
    """Return the lifetime of codes that end so long after they were made."""
    return Lifetime(Validity.LIMITED, seconds=60 * (minutes + 24 * 60 * days))


def ending(at: int) -> Lifetime:
    """Return the lifetime of a code that ends at a time in ms since the epoch."""
    return Lifetime(Validity.LIMITED, until=at)


@dataclass(frozen=True)
class Code:
    """The QR code of a release, without its image; times in ms since the epoch.

    `expires_at` is None unless its validity is limited.
    """

    made_at: int
    validity: Validity = Validity.UNKNOWN
    expires_at: int | None = None

    def has_ended(self, now: int) -> bool:
        """Return whether it can certainly not be scanned any more."""
        return self.expires_at is not None and self.expires_at <= now

    def left(self, now: int) -> float | None:
        """Return which part of its time is left, from 0 to 1; None without a known end."""
        if self.expires_at is None:
            return None
        whole = max(1, self.expires_at - self.made_at)
        return min(1.0, max(0.0, (self.expires_at - now) / whole))
