"""What the simulated Alipay has accepted."""

from collections.abc import Mapping
from dataclasses import dataclass

from mprelease.domain.releases import LaunchOptions
from mprelease.simulator.arrivals import Arrival


@dataclass(frozen=True)
class Received(Arrival):
    """One accepted package: the source tree of an upload, the compiled tree of a preview.

    `packages` are the sizes of a preview's parts in bytes. A preview has no version and no
    description. `code_url` is where its QR code can be fetched.
    """

    version: str | None
    description: str | None
    launch: LaunchOptions
    packages: Mapping[str, int]
    code_url: str | None
