"""The command line writes how long a release takes, and what a queued one waits for."""

from dataclasses import replace

import pytest

from mprelease.cli import releases as command
from mprelease.cli.follow import View
from mprelease.domain.releases import (
    Estimate,
    QueuePlace,
    Stage,
    StageRecord,
    StageState,
    State,
    WaitReason,
)
from releases_of_tests import RUNNING

ESTIMATED = replace(
    RUNNING,
    estimate=Estimate({Stage.CHECKOUT: 2000, Stage.BUILD: 12_000}, 10),
    stages=(
        StageRecord(Stage.CHECKOUT, StageState.SUCCEEDED, 0, 2000),
        StageRecord(Stage.BUILD, StageState.RUNNING, 2000),
    ),
)


def written(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_following_begins_with_the_estimate_and_each_stage_with_what_remains(
    capsys: pytest.CaptureFixture[str],
) -> None:
    view = View(lines=True)
    view.update(ESTIMATED, [])
    view.update(ESTIMATED, [])
    assert written(capsys) == [
        "Expected to take 14.0 s (median of the last 10 that succeeded)",
        "▶ checkout",
        "✔ checkout  2.0 s",
        "▶ build · about 12 s left",
    ]


def test_a_release_that_takes_twice_as_long_is_reported_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [0.0]
    monkeypatch.setattr("mprelease.cli.follow.time.monotonic", lambda: seconds[0])
    view = View(lines=False)
    for at in (0.0, 27.0, 29.0, 90.0):
        seconds[0] = at
        view.update(ESTIMATED, [])
    assert written(capsys).count("2× the usual time") == 1


def test_without_an_estimate_nothing_is_promised(capsys: pytest.CaptureFixture[str]) -> None:
    View(lines=True).update(replace(ESTIMATED, estimate=None), [])
    assert written(capsys) == ["▶ checkout", "✔ checkout  2.0 s", "▶ build"]


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (WaitReason.RELEASE, "It waits for release 6 to end."),
        (WaitReason.WORKER, "No living worker has the label linux"),
        (WaitReason.DISK, "Too little disk is free on builder"),
        (WaitReason.SLOT, "It waits for a worker with a free slot."),
    ],
)
def test_a_queued_release_writes_its_place_and_why_it_waits(
    capsys: pytest.CaptureFixture[str], reason: WaitReason, words: str
) -> None:
    View(lines=False).report_place(QueuePlace(2, "linux", reason, 6, workers="builder"))
    [line] = written(capsys)
    assert line.startswith(f"Number 2 in the queue. {words}")


def test_the_list_shows_place_or_remaining_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mprelease.cli.releases.time.time_ns", lambda: 4_000_000_000)
    assert command._state(ESTIMATED) == "running · about 10 s left"
    assert command._state(replace(ESTIMATED, estimate=None)) == "running"
    place = QueuePlace(2, "default", WaitReason.SLOT)
    queued = replace(ESTIMATED, state=State.QUEUED, queue=place)
    assert command._state(queued) == "queued · number 2 in the queue"
    assert command._state(replace(ESTIMATED, state=State.SUCCEEDED)) == "succeeded"
