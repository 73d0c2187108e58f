"""What the simulated Douyin has accepted, and the QR codes that it has made."""

from dataclasses import dataclass

from mprelease.domain.releases import Kind, LaunchOptions, Sizes
from mprelease.simulator.arrivals import Arrival


@dataclass(frozen=True)
class Received(Arrival):
    """One accepted package: the source tree.

    A preview has no version, description and channel; the default channel is None.
    """

    version: str | None
    description: str | None
    channel: int | None
    with_source_maps: bool
    sizes: Sizes

    @property
    def shelf(self) -> str:
        """Name the place of the package: one for each kind and channel."""
        return f"{self.kind}-channel-{self.channel}" if self.channel else str(self.kind)


@dataclass(frozen=True)
class Code:
    """The address behind a QR code, with what it opens.

    `expires_at` is in seconds since the epoch; 0 means never, as the service says it.
    """

    kind: Kind
    app_id: str
    version: str | None
    channel: int | None
    launch: LaunchOptions
    short_url: str
    expires_at: int
