"""What the simulated Alipay has accepted."""

from collections.abc import Mapping
from dataclasses import dataclass

from mprelease.domain.releases import Kind, LaunchOptions


@dataclass(frozen=True)
class Received:
    """One accepted package.

    `files` holds the source tree of an upload, the compiled tree of a preview, by path.
    `packages` are the sizes of a preview's parts in bytes. A preview has no version and no
    description. `code_url` is where its QR code can be fetched. `at` is in milliseconds since the
    epoch.
    """

    kind: Kind
    app_id: str
    version: str | None
    description: str | None
    launch: LaunchOptions
    files: Mapping[str, bytes]
    packages: Mapping[str, int]
    code_url: str | None
    at: int
