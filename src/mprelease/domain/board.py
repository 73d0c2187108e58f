"""The board of an app: which version is on each robot or channel, and which one testers see."""

from dataclasses import dataclass

from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Commit, Kind, State


@dataclass(frozen=True)
class Placement:
    """A published release, as the board shows it; `since` is in ms since the epoch.

    The release page of a deleted one does not exist any more. `has_channel`: `robot` is the robot
    or channel of the release; releases of older versions have none on platforms without robots.
    """

    release_id: int
    kind: Kind
    state: State
    robot: int
    has_channel: bool
    version: str | None
    ref: str
    commit: Commit | None
    requested_by: str
    since: int
    is_deleted: bool


@dataclass(frozen=True)
class Trial:
    """The trial version of a platform app id, as known at `marked_at` (ms since the epoch).

    It is `version`, or with None the newest upload of the channel (0: outside of channels). The
    platform itself has named it if `marked_by` is None.
    """

    platform: str
    platform_app_id: str
    channel: int
    version: str | None
    marked_by: str | None
    marked_at: int


@dataclass(frozen=True)
class BoardRow:
    """What one robot or channel has; `channel` is 0 where there are none.

    `unsure` is a newer upload of which it is unknown whether it has arrived.
    """

    channel: int
    name: str | None
    upload: Placement | None
    unsure: Placement | None
    preview: Placement | None
    is_trial: bool

    @property
    def newest(self) -> int:
        """Return the number of its newest release."""
        placed = (self.upload, self.unsure, self.preview)
        return max((one.release_id for one in placed if one), default=0)

    @property
    def shown_channel(self) -> str:
        """Return the number with the name, if it has one; empty for 0."""
        return f"{self.channel or ''} {self.name or ''}".strip()


@dataclass(frozen=True)
class Board:
    """The rows of one app by channel, and its trial version as far as it is known.

    `reports_trial`: the platform is queried for it, so it is not marked by a person.
    """

    app: str
    platform: Platform
    rows: tuple[BoardRow, ...]
    trial: Trial | None
    has_channels: bool
    reports_trial: bool

    def recent(self, count: int) -> list[BoardRow]:
        """Return the rows with the newest releases and with the trial version, by channel."""
        newest = sorted(self.rows, key=lambda row: (row.is_trial, row.newest), reverse=True)
        return sorted(newest[:count], key=lambda row: row.channel)

    @property
    def trial_row(self) -> BoardRow | None:
        """Return the row with the trial version; None if it is not known, or not on the board."""
        return next((row for row in self.rows if row.is_trial), None)
