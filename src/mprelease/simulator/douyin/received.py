"""What the simulated Douyin has accepted, and the QR codes that it has made."""

from collections.abc import Mapping
from dataclasses import dataclass

from mprelease.domain.releases import Kind, LaunchOptions, Sizes


@dataclass(frozen=True)
class Received:
    """One accepted package.

    `files` holds the source tree by path. A preview has no version, description and channel; the
    default channel is None. `at` is in milliseconds since the epoch.
    """

    kind: Kind
    app_id: str
    version: str | None
    description: str | None
    channel: int | None
    with_source_maps: bool
    files: Mapping[str, bytes]
    sizes: Sizes
    at: int


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
