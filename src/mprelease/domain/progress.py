"""How far a running release is, compared with its estimate."""

from mprelease.domain.releases import Release, StageState, State

SLOW = 1.5
"""A release that takes so many times its estimate is shown as slow."""


def remaining_ms(release: Release, now: int) -> int | None:
    """Return how long an unfinished release is still expected to run, in ms.

    None without an estimate, or if it has ended. A stage that takes longer than usual counts as
    about to end.
    """
    if release.estimate is None or release.state.is_final:
        return None
    usual = release.estimate.stages
    rest = 0
    for stage in release.stages:
        expected = usual.get(stage.name, 0)
        if stage.state is StageState.PENDING:
            rest += expected
        elif stage.ended_at is None and stage.started_at is not None:
            rest += max(0, expected - max(0, now - stage.started_at))
    return rest


def slowness(release: Release, now: int) -> float | None:
    """Return how many times its estimate a running release has taken; None below SLOW."""
    estimate, began = release.estimate, release.started_at
    if release.state is not State.RUNNING or estimate is None or began is None:
        return None
    ratio = (now - began) / max(1, estimate.expected_ms)
    return ratio if ratio >= SLOW else None
