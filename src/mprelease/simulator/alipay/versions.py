"""The versions that the simulated Alipay keeps of one app."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mprelease.domain.versions import is_greater
from mprelease.simulator.alipay import rejections

MAX_VERSIONS = 20
"""How many development versions an app may have."""

PAGE = 10
"""How many versions one answer lists; an assumption."""


@dataclass(frozen=True)
class Version:
    """A development version; `at` is in milliseconds since the epoch."""

    number: str
    description: str
    at: int


class Versions:
    """Keep one app's versions: the newest number, at most 20 in development, one of them shown."""

    def __init__(self) -> None:
        """Begin with none."""
        self._kept: list[Version] = []
        self.last: str | None = None
        self.experience: str | None = None

    def demand_room(self, number: str, without: str) -> None:
        """Raise Rejected unless a version may be added once another one is removed for it."""
        if self.last and not is_greater(number, self.last):
            raise rejections.not_greater(number, self.last)
        if without and without not in self.numbers:
            raise rejections.unusable(f"there is no version {without}")
        if len(self._kept) - bool(without) >= MAX_VERSIONS:
            raise rejections.too_many(MAX_VERSIONS)

    def add(self, version: Version) -> None:
        """Keep one more version, the newest."""
        self._kept.append(version)
        self.last = version.number

    def remove(self, number: str) -> None:
        """Remove a version; raise Rejected for the one that is shown to testers."""
        if number == self.experience or number not in self.numbers:
            raise rejections.unusable(f"the version {number} cannot be removed")
        self._kept = [version for version in self._kept if version.number != number]

    @property
    def numbers(self) -> list[str]:
        """Return the numbers of the development versions, oldest first."""
        return [version.number for version in self._kept]

    def listed(self, page: int) -> Sequence[dict[str, object]]:
        """Return a page of the list as the tool gets it, newest first."""
        newest = list(reversed(self._kept))
        return [_row(version) for version in newest[(page - 1) * PAGE : page * PAGE]]


def _row(version: Version) -> dict[str, object]:
    time = datetime.fromtimestamp(version.at / 1000, UTC)
    return {
        "appVersion": version.number,
        "versionDescription": version.description,
        "versionStatus": "INIT",
        "createTime": f"{time:%Y-%m-%d %H:%M:%S}",
        "operateName": "simulator",
        "canRelease": True,
        "bundleId": "com.alipay.alipaywallet",
    }
