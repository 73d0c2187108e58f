"""The parts of a release's document about its future: its estimate, and its place in the queue."""

from pydantic import BaseModel, Field

from mprelease.domain.progress import remaining_ms
from mprelease.domain.releases import Release, Stage, WaitReason


class EstimateModel(BaseModel):
    """How long an unfinished release is expected to take, by the medians of earlier successes.

    `samples` is the number of these, ten at most. `remaining_ms` is as of the answer.
    """

    expected_ms: int
    remaining_ms: int | None
    stages_ms: dict[Stage, int] = Field(description="the expected duration of each stage")
    samples: int

    @classmethod
    def of(cls, release: Release, now: int) -> "EstimateModel | None":
        """Return the model of a release's estimate; None if it has none."""
        estimate = release.estimate
        if estimate is None:
            return None
        return cls(
            expected_ms=estimate.expected_ms,
            remaining_ms=remaining_ms(release, now),
            stages_ms=dict(estimate.stages),
            samples=estimate.samples,
        )


class QueueModel(BaseModel):
    """The place of a queued release among those of its label, from 1, and what it waits for.

    `release` must end before, if it waits for one.
    """

    position: int
    label: str
    reason: WaitReason
    release: int | None

    @classmethod
    def of(cls, release: Release) -> "QueueModel | None":
        """Return the model of a release's place; None if it is not queued."""
        place = release.queue
        if place is None:
            return None
        return cls(
            position=place.position,
            label=place.label,
            reason=place.reason,
            release=place.release,
        )
