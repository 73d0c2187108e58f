"""The log of a release that writes without end (issue 12, number 32)."""

import pytest

from mprelease.domain.logs import LogLimits, LogLine
from mprelease.domain.releases import Kind, Stage, StageState, State
from mprelease.engine.log_limit import LimitedLog
from mprelease.engine.recorder import DatabaseRecorder
from mprelease.i18n import Language, Translator
from mprelease.pipeline.runner import Outcome
from mprelease.storage import logs, queue
from worker_pool import WorkerPool

SIZE = 1 << 20
LINE = "0123456789abcdef" * 64


class LiveUpdate:
    """Somebody who watches."""

    def __init__(self) -> None:
        self.lines: list[LogLine] = []

    def line_written(self, release_id: int, line: LogLine) -> None:
        self.lines.append(line)

    def changed(self, release_id: int) -> None: ...

    def ended(self, release_id: int) -> None: ...


@pytest.mark.parametrize("has_ended", [True, False], ids=["ended", "given up"])
def test_head_and_tail_of_each_stage_are_stored_and_told_in_one_row(
    pool: WorkerPool, *, has_ended: bool
) -> None:
    release = pool.request(kind=Kind.PREVIEW)
    database, live_update = pool.services.database, LiveUpdate()
    lease = queue.claim(database, release, "a-worker", "a token", 60_000)
    assert lease
    log = LimitedLog(LogLimits(SIZE, 10_000), Translator(Language.ENGLISH))
    recorder = DatabaseRecorder(database, lease, pool.services.now, log, live_update)
    recorder.started(Stage.BUILD)
    for number in range(20_000):
        recorder.line(f"{number} {LINE}")
        if number % 1000 == 0:
            recorder.flush()
    recorder.ended(Stage.BUILD, StageState.SUCCEEDED)
    recorder.started(Stage.PUBLISH)
    for number in range(20_000):
        recorder.line(f"{number} {LINE}")
    if has_ended:
        recorder.finish(Outcome(State.SUCCEEDED))
    else:
        recorder.give_up()
    with database.reading() as db:
        stored = list(logs.after(db, release))
    assert stored == live_update.lines
    assert [line.position.line for line in stored] == list(range(1, len(stored) + 1))
    assert sum(len(line.text.encode()) for line in stored) < SIZE * 1.01
    for stage in (Stage.BUILD, Stage.PUBLISH):
        texts = [line.text for line in stored if line.stage is stage]
        assert texts[0] == f"0 {LINE}"
        assert texts[-1] == f"19999 {LINE}"
        assert sum("were left out here" in text for text in texts) == 1
