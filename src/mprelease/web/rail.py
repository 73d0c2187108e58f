"""The rail of an unfinished release: segments as wide as the stages usually take."""

from dataclasses import dataclass

from mprelease.domain.releases import Release, Stage, StageRecord, StageState

WIDTH = 1000
_LEAST = 40
_GAP = 6
# A stage that takes longer than usual does not look complete.
_MOST = 0.97


@dataclass(frozen=True)
class Segment:
    """A stage on the rail, in units of which the rail has 1,000; `done` is the filled part."""

    name: Stage
    state: StageState
    x: int
    width: int
    done: int


def rail_of(release: Release, now: int) -> list[Segment]:
    """Return the segments of an unfinished release; all of one width without an estimate."""
    stages = release.stages
    if release.state.is_final or not stages:
        return []
    usual = release.estimate.stages if release.estimate else {}
    widths = _widths([usual.get(stage.name, 0) for stage in stages])
    segments, x = [], 0
    for stage, width in zip(stages, widths, strict=True):
        done = round(width * _part_done(stage, usual.get(stage.name, 0), now))
        segments.append(Segment(stage.name, stage.state, x, width, done))
        x += width + _GAP
    return segments


def _widths(times: list[int]) -> list[int]:
    """Return widths in the ratio of these times, none below the least."""
    room = WIDTH - _GAP * (len(times) - 1) - _LEAST * len(times)
    whole = sum(times)
    parts = [each / whole if whole else 1 / len(times) for each in times]
    return [_LEAST + round(room * part) for part in parts]


def _part_done(stage: StageRecord, usual: int, now: int) -> float:
    if stage.ended_at is not None:
        return 1.0
    if stage.started_at is None or not usual:
        return 0.0
    return min(_MOST, max(0.0, (now - stage.started_at) / usual))
