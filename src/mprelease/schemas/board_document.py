"""The JSON document of a board: in the API, and from `--json`."""

from datetime import datetime

from pydantic import BaseModel, Field

from mprelease.domain.board import Board, BoardRow, Placement, Trial
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import State
from mprelease.schemas.documents import moment, pick
from mprelease.schemas.fields import Number, Record
from mprelease.schemas.release_document import CommitModel


class TrialMark(Record):
    """Which robot or channel has the version that testers see."""

    robot: Number = Field(default=0, description="field.trial_robot")


class PlacementModel(BaseModel):
    """A published release on the board."""

    release: int = Field(description="its number; a deleted release is shown as well")
    state: State
    version: str | None
    ref: str
    commit: CommitModel | None
    requested_by: str
    since: datetime

    @classmethod
    def of(cls, placed: Placement) -> "PlacementModel":
        """Return the model of a published release."""
        return cls(
            release=placed.release_id,
            commit=placed.commit and CommitModel.of(placed.commit),
            since=moment(placed.since),
            **pick(placed, "state", "version", "ref", "requested_by"),
        )


class BoardRowModel(BaseModel):
    """What one robot or channel has."""

    robot: int = Field(description="number of the robot or channel; 0 where there are none")
    robot_name: str | None
    is_trial: bool = Field(description="testers see this upload, as far as it is known")
    upload: PlacementModel | None
    unsure: PlacementModel | None = Field(
        description="a newer upload of which it is unknown whether it has arrived"
    )
    preview: PlacementModel | None

    @classmethod
    def of(cls, row: BoardRow) -> "BoardRowModel":
        """Return the model of a row."""
        placed = {name: getattr(row, name) for name in ("upload", "unsure", "preview")}
        return cls(
            robot=row.channel,
            robot_name=row.name,
            is_trial=row.is_trial,
            **{name: one and PlacementModel.of(one) for name, one in placed.items()},
        )


class TrialModel(BaseModel):
    """The trial version, as far as it is known."""

    robot: int
    version: str | None = Field(description="null: the newest upload of the robot or channel")
    marked_by: str | None = Field(description="null: the platform itself has named it")
    marked_at: datetime

    @classmethod
    def of(cls, trial: Trial) -> "TrialModel":
        """Return the model of a trial version."""
        at = moment(trial.marked_at)
        return cls(robot=trial.channel, marked_at=at, **pick(trial, "version", "marked_by"))


class BoardModel(BaseModel):
    """Which version is on each robot or channel of an app."""

    app: str
    platform: Platform
    trial: TrialModel | None
    rows: list[BoardRowModel]


def board_of(board: Board) -> BoardModel:
    """Return the document of a board."""
    return BoardModel(
        **pick(board, "app", "platform"),
        trial=board.trial and TrialModel.of(board.trial),
        rows=[BoardRowModel.of(row) for row in board.rows],
    )
