"""Follow a release in the terminal, and work on it meanwhile if nobody else does."""

import math
import sys
import threading
import time
from typing import TYPE_CHECKING

from mprelease.cli.opening import me
from mprelease.cli.words import say
from mprelease.domain.logs import START, LogLine
from mprelease.domain.releases import Release, Stage, StageRecord, StageState, State

if TYPE_CHECKING:
    from mprelease.application import Application
    from mprelease.engine.worker import Worker

_LOOK_SECONDS = 0.25
_PATIENCE_SECONDS = 2
_TAIL = 25
_MARKS = {
    StageState.RUNNING: "▶",
    StageState.SUCCEEDED: "✔",
    StageState.FAILED: "✘",
    StageState.CANCELED: "■",
}


class View:
    """Tell on standard error how a release goes: its stages, and with `lines` all its output."""

    def __init__(self, *, lines: bool) -> None:
        """Begin before the first line."""
        self.position = START
        self._lines = lines
        self._told: dict[Stage, StageState] = {}
        self._tail: list[str] = []
        self._waiting_since = time.monotonic()

    def update(self, release: Release, lines: list[LogLine]) -> None:
        """Show what is new, the lines of each stage between its beginning and its end."""
        self.position = lines[-1].position if lines else self.position
        self._tail = [*self._tail, *(line.text for line in lines)][-_TAIL:]
        for stage in release.stages:
            self._tell_begun(stage)
            for line in lines:
                if self._lines and line.stage == stage.name:
                    _err(f"  {line.text}")
            self._tell_ended(stage)

    def wait(self, blocker: int | None, *, is_unknown: bool) -> None:
        """Say once, after a moment, why the release is still queued."""
        if time.monotonic() - self._waiting_since > _PATIENCE_SECONDS and blocker:
            _err(say("cli.blocked" if is_unknown else "cli.waiting", release=blocker))
            self._waiting_since = math.inf

    def wait_for_worker(self, label: str) -> None:
        """Say once, after a moment, that nobody lives who could take the release."""
        if time.monotonic() - self._waiting_since > _PATIENCE_SECONDS:
            _err(say("cli.no_worker", label=label))
            self._waiting_since = math.inf

    def end(self, release: Release) -> None:
        """Show the last lines of a release that failed."""
        if release.error and not self._lines:
            for line in self._tail:
                _err(f"  {line}")

    def _tell_begun(self, stage: StageRecord) -> None:
        if stage.state is StageState.PENDING or stage.name in self._told:
            return
        self._told[stage.name] = StageState.RUNNING
        if self._lines:
            _err(f"{_MARKS[StageState.RUNNING]} {say(f'stage.{stage.name}')}")

    def _tell_ended(self, stage: StageRecord) -> None:
        if stage.ended_at is None or self._told.get(stage.name) == stage.state:
            return
        self._told[stage.name] = stage.state
        _err(f"{_MARKS[stage.state]} {say(f'stage.{stage.name}')}{_seconds(stage)}")


def watch(application: "Application", release_id: int, view: View) -> Release:
    """Show a release until its end and return it."""
    return _watch(application, release_id, view)


def follow(application: "Application", release_id: int, view: View, label: str) -> Release:
    """Show one's own release until its end and return it; Ctrl-C asks for its cancellation.

    Where the database is this data folder's own, this process runs releases for as long as nobody
    else does.
    """
    helper = _Helper(application, release_id, label) if application.is_alone else None
    while True:
        try:
            return _watch(application, release_id, view, helper, label)
        except KeyboardInterrupt:
            _cancel(application, release_id)


def _watch(
    application: "Application",
    release_id: int,
    view: View,
    helper: "_Helper | None" = None,
    label: str | None = None,
) -> Release:
    from mprelease.services import releases
    from mprelease.storage import logs, queue, workers

    while True:
        with application.house.database.reading() as db:
            release = releases.found(db, release_id)
            lines = list(logs.after(db, release_id, view.position))
            queued = release.state is State.QUEUED
            blocker, is_unknown = queue.waits_for(db, release_id) if queued else (None, False)
            is_served = helper or label is None or workers.serving(db, label)
        view.update(release, lines)
        if queued:
            view.wait(blocker, is_unknown=is_unknown)
        if queued and not is_served:
            view.wait_for_worker(str(label))
        if release.state.is_final:
            if helper:
                helper.join()
            view.end(release)
            return release
        if helper:
            helper.wait(_LOOK_SECONDS)
        else:
            time.sleep(_LOOK_SECONDS)


def _cancel(application: "Application", release_id: int) -> None:
    from mprelease.services import releases

    in_time = releases.cancel(application.house, me(), release_id)
    _err(say("cli.canceling" if in_time else "cli.too_late"))


class _Helper:
    """The temporary worker of this process, in a thread of its own."""

    def __init__(self, application: "Application", release_id: int, label: str) -> None:
        self._application = application
        self._label = label
        self._release_id = release_id
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._work, name="worker")
        self._thread.start()

    def join(self) -> None:
        """Wait until the worker has put everything away."""
        self._thread.join()

    def wait(self, seconds: float) -> None:
        """Wait for a moment or the end of the work; raise what ended it before its time."""
        self._thread.join(seconds)
        if self._failure:
            raise self._failure

    def _work(self) -> None:
        from mprelease.engine.alone import work_until

        try:
            work_until(self._is_final, self._worker, self._application.layout)
        except Exception as failure:  # noqa: BLE001 raised again in the main thread
            self._failure = failure

    def _worker(self) -> "Worker":
        labels = {self._label, *self._application.settings.labels}
        return self._application.worker(tuple(sorted(labels)), slots=1)

    def _is_final(self) -> bool:
        from mprelease.services import releases

        with self._application.house.database.reading() as db:
            return releases.found(db, self._release_id).state.is_final


def _seconds(stage: StageRecord) -> str:
    if stage.started_at is None or stage.ended_at is None:
        return ""
    cached = f" · {say('stage.cached')}" if stage.cached else ""
    return f"  {(stage.ended_at - stage.started_at) / 1000:.1f} s{cached}"


def _err(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
