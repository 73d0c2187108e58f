"""The accepted packages of the simulated Douyin, their builds, and the QR codes to them."""

import itertools
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from mprelease.domain.releases import Kind, LaunchOptions, Sizes
from mprelease.domain.versions import is_greater
from mprelease.simulator.vendor_service import PackageStore, ReceivedPackage


@dataclass(frozen=True)
class Received(ReceivedPackage):
    """One accepted package: the source tree.

    A preview has no version, description or channel; the default channel is None.
    """

    version: str | None
    description: str | None
    channel: int | None
    with_source_maps: bool
    sizes: Sizes

    @property
    def slot(self) -> str:
        """Return the slot of the package: one for each kind and channel."""
        return f"{self.kind}-channel-{self.channel}" if self.channel else str(self.kind)


@dataclass(frozen=True)
class QrCode:
    """The URL in a QR code, and what it opens.

    `expires_at` is in seconds since the epoch, as the service sends it; 0 is never.
    """

    kind: Kind
    app_id: str
    version: str | None
    channel: int | None
    launch: LaunchOptions
    short_url: str
    expires_at: int


class VersionStore(PackageStore[Received]):
    """The accepted packages, which of them were built, and the QR codes; thread-safe."""

    def __init__(self, folder: Path) -> None:
        """Start empty; the folder is created with the first package."""
        super().__init__(folder)
        self._built: set[int] = set()
        self._qr_codes: list[QrCode] = []

    @property
    def qr_codes(self) -> list[QrCode]:
        """Return a copy of the list of QR codes, oldest first."""
        with self.changed:
            return list(self._qr_codes)

    def add_qr_code(self, code: QrCode) -> None:
        """Store a QR code."""
        with self.changed:
            self._qr_codes.append(code)

    def mark_built(self, app_id: str) -> None:
        """Mark an app's newest package as compiled without an error."""
        with self.changed:
            of_app = (each for each in reversed(self._received) if each.app_id == app_id)
            self._built.update(id(each) for each in itertools.islice(of_app, 1))

    def current(self, app_id: str, kind: Kind, channel: int | None) -> Received | None:
        """Return the newest package of a channel that was built."""
        wanted = (app_id, kind, channel)
        with self.changed:
            built = set(self._built)
        return self.newest(
            lambda each: (each.app_id, each.kind, each.channel) == wanted and id(each) in built
        )

    def last_version(self, app_id: str) -> str:
        """Return the greatest version that was built, 0.0.0 when there is none."""
        last = "0.0.0"
        with self.changed:
            for each in self._received:
                is_built = each.app_id == app_id and id(each) in self._built
                if is_built and each.version and is_greater(each.version, last):
                    last = each.version
        return last


class Builds:
    """The progress of the builds on the platform's side; thread-safe."""

    def __init__(self, polls: int) -> None:
        """Make each build ready after `polls` polls with the state running."""
        self._polls = polls
        self._left: dict[str, int] = {}
        self._lock = Lock()

    def start(self, app_id: str) -> None:
        """Start a build; an app has one at a time."""
        with self._lock:
            self._left[app_id] = self._polls

    def is_ready(self, app_id: str) -> bool:
        """Count one poll; return whether the app's build is ready, False if it was not started."""
        with self._lock:
            left = self._left.get(app_id, 1)
            self._left[app_id] = max(left - 1, 0)
            return left == 0
