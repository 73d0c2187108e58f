"""Follow releases in the terminal; without another worker, run them in this process meanwhile."""

import math
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mprelease.cli.acceptance import after_acceptance
from mprelease.cli.startup import me
from mprelease.cli.translation import t
from mprelease.domain.errors import Refused
from mprelease.domain.logs import START, LogLine
from mprelease.domain.releases import Release, Stage, StageRecord, StageState, State
from mprelease.i18n.quantities import duration

if TYPE_CHECKING:
    from mprelease.application import Application
    from mprelease.engine.worker import Worker

_POLL_SECONDS = 0.25
_QUEUED_SECONDS = 2
_BETWEEN_TRIES = 0.5
_OUTAGE_SECONDS = 60.0
_TAIL = 25
_MARKS = {
    StageState.RUNNING: "▶",
    StageState.SUCCEEDED: "✔",
    StageState.FAILED: "✘",
    StageState.CANCELED: "■",
}


class View:
    """Write the progress of a release to standard error: its stages, and with `lines` its log.

    Each line begins with `prefix`, to distinguish several releases.
    """

    def __init__(self, *, lines: bool, prefix: str = "") -> None:
        """Begin at the start of the log."""
        self.position = START
        self._lines = lines
        self._prefix = prefix
        self._has_ended = False
        self._reported: dict[Stage, StageState] = {}
        self._tail: list[str] = []
        self._robot_reported = False
        self._waiting_since = time.monotonic()

    def update(self, release: Release, lines: list[LogLine]) -> None:
        """Write what is new: for each stage its start, its lines and its end."""
        self.position = lines[-1].position if lines else self.position
        self._report_robot(release)
        self._tail = [*self._tail, *(line.text for line in lines)][-_TAIL:]
        for stage in release.stages:
            self._report_started(stage)
            for line in lines:
                if self._lines and line.stage == stage.name:
                    self.write(f"  {line.text}")
            self._report_ended(stage)

    @property
    def is_reason_due(self) -> bool:
        """Return whether to report now why the release is still queued: after 2 s, once."""
        return time.monotonic() - self._waiting_since > _QUEUED_SECONDS

    def report_blocker(self, blocker: int | None, *, is_unknown: bool) -> None:
        """Write for which release this one waits, if for any."""
        if blocker:
            self.write(t("cli.blocked" if is_unknown else "cli.waiting", release=blocker))
            self._waiting_since = math.inf

    def report_no_worker(self, label: str) -> None:
        """Write that no alive worker takes the release."""
        self.write(t("cli.no_worker", label=label))
        self._waiting_since = math.inf

    def report_low_disk(self, workers: str) -> None:
        """Write that the workers of this release wait until more of their disks is free."""
        self.write(t("cli.low_disk", workers=workers))
        self._waiting_since = math.inf

    def end(self, release: Release) -> None:
        """Write, once, the last lines of a release that failed."""
        if release.error and not self._lines and not self._has_ended:
            for line in self._tail:
                self.write(f"  {line}")
        self._has_ended = True

    def cancel(self, request: Callable[[], object]) -> None:
        """Request the cancellation, and write that it was requested, or why it was refused."""
        try:
            request()
        except Refused as refused:
            self.write(t.of_problem(refused.problem_detail))
        else:
            self.write(t("cli.canceling"))

    def write(self, line: str) -> None:
        """Write one line, after the prefix."""
        sys.stderr.write(f"{self._prefix}{line}\n")
        sys.stderr.flush()

    def _report_robot(self, release: Release) -> None:
        if release.robot_reason and not self._robot_reported:
            reason = t.of(release.robot_reason.message)
            self.write(t("cli.robot", robot=release.shown_robot, reason=reason))
        self._robot_reported = True

    def _report_started(self, stage: StageRecord) -> None:
        if stage.state is StageState.PENDING or stage.name in self._reported:
            return
        self._reported[stage.name] = StageState.RUNNING
        if self._lines:
            self.write(f"{_MARKS[StageState.RUNNING]} {t(f'stage.{stage.name}')}")

    def _report_ended(self, stage: StageRecord) -> None:
        if stage.ended_at is None or self._reported.get(stage.name) == stage.state:
            return
        self._reported[stage.name] = stage.state
        self.write(f"{_MARKS.get(stage.state, '?')} {t(f'stage.{stage.name}')}{_seconds(stage)}")


def views_of(names: Sequence[str], *, lines: bool) -> list[View]:
    """Return a view for each app, whose lines begin with the padded name."""
    from rich.cells import cell_len, set_cell_size

    width = max(map(cell_len, names))
    return [View(lines=lines, prefix=f"{set_cell_size(name, width)}  ") for name in names]


@dataclass(frozen=True)
class FollowedRelease:
    """A release that is followed, its view, and the label of its workers.

    Without a label a missing worker is not reported.
    """

    release_id: int
    view: View
    label: str | None = None


def watch(application: "Application", release_id: int, view: View) -> None:
    """Write the progress of a release until its end."""
    _watch(application, [FollowedRelease(release_id, view)])


def follow(application: "Application", watched: Sequence[FollowedRelease]) -> list[Release]:
    """Write the progress of own releases until their end and return them; Ctrl-C cancels them.

    If the database is that of this data folder, this process runs releases while there is no other
    worker. Raise ProblemError if the database stays unusable for 60 s.
    """
    worker = _TemporaryWorker(application, watched) if application.is_single_node else None
    with after_acceptance(), worker or nullcontext():
        while True:
            try:
                return _watch(application, watched, worker)
            except KeyboardInterrupt:
                for each in watched:
                    _cancel(application, each)


def _watch(
    application: "Application",
    watched: Sequence[FollowedRelease],
    worker: "_TemporaryWorker | None" = None,
) -> list[Release]:
    database = _Outages()
    while True:
        with database.tolerated():
            seen = _update_views(application, watched, has_own_worker=worker is not None)
            if all(release.state.is_final for release in seen):
                if worker:
                    worker.join()
                return seen
        if worker:
            worker.wait(_POLL_SECONDS)
        else:
            time.sleep(_POLL_SECONDS)


class _Outages:
    """Tolerate an unusable database for up to 60 s."""

    def __init__(self) -> None:
        self._since: float | None = None

    @contextmanager
    def tolerated(self) -> Iterator[None]:
        from mprelease.storage.outage import OUTAGE

        try:
            yield
        except OUTAGE:
            self._since = self._since or time.monotonic()
            if time.monotonic() - self._since > _OUTAGE_SECONDS:
                raise
        else:
            self._since = None


def _update_views(
    application: "Application", watched: Sequence[FollowedRelease], *, has_own_worker: bool
) -> list[Release]:
    """Update the views of all releases; the number of queries does not depend on their number."""
    from mprelease.services import releases
    from mprelease.storage import logs
    from mprelease.storage import releases as stored

    ids = [each.release_id for each in watched]
    with application.services.database.reading() as db:
        by_id = stored.by_ids(db, ids)
        seen = [by_id.get(release_id) or releases.get(db, release_id) for release_id in ids]
        ends = logs.ends(db, ids)
        new = [
            list(logs.after(db, each.release_id, each.view.position))
            if ends.get(each.release_id, START) > each.view.position
            else []
            for each in watched
        ]
    for each, release, lines in zip(watched, seen, new, strict=True):
        each.view.update(release, lines)
        if release.state is State.QUEUED and each.view.is_reason_due:
            _report_blocker(application, each, has_own_worker=has_own_worker)
        if release.state.is_final:
            each.view.end(release)
    return seen


def _report_blocker(
    application: "Application", watched: FollowedRelease, *, has_own_worker: bool
) -> None:
    """Report why a release is still queued: a release, no worker of its label, or a full disk."""
    from mprelease.storage import blockers, workers

    label = watched.label
    with application.services.database.reading() as db:
        blocker, is_unknown = blockers.blocker(db, watched.release_id)
        is_served = has_own_worker or label is None or workers.serving(db, label)
        full = workers.waits(db, [watched.release_id]).without_disk.get(watched.release_id)
    watched.view.report_blocker(blocker, is_unknown=is_unknown)
    if not is_served and watched.view.is_reason_due:
        watched.view.report_no_worker(str(label))
    if full and watched.view.is_reason_due:
        watched.view.report_low_disk(full)


def _cancel(application: "Application", watched: FollowedRelease) -> None:
    from mprelease.services import releases

    with application.services.database.reading() as db:
        has_ended = releases.get(db, watched.release_id).state.is_final
    if not has_ended:
        watched.view.cancel(lambda: releases.cancel(application.services, me(), watched.release_id))


class _TemporaryWorker:
    """A worker in a thread of this process, until the followed releases have ended."""

    def __init__(self, application: "Application", watched: Sequence[FollowedRelease]) -> None:
        self._application = application
        self._watched = watched
        self._failure: Exception | None = None
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="worker")
        self._thread.start()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        """Make the worker end, without waiting for it."""
        self._is_over.set()

    def join(self) -> None:
        """Wait until the worker has cleaned up and ended."""
        self._thread.join()

    def wait(self, seconds: float) -> None:
        """Wait for so many seconds or the worker's end; raise the error that has ended it."""
        self._thread.join(seconds)
        if self._failure:
            raise self._failure

    def _work(self) -> None:
        from mprelease.engine.inline_worker import work_until
        from mprelease.storage.outage import OUTAGE

        while not self._is_over.is_set():
            try:
                work_until(self._have_ended, self._worker, self._application.layout)
            except OUTAGE:  # `_watch` also tolerates it for some time.
                self._is_over.wait(_BETWEEN_TRIES)
            except Exception as failure:  # noqa: BLE001 raised again in the main thread
                self._failure = failure
                return
            else:
                return

    def _worker(self) -> "Worker":
        settings = self._application.settings
        labels = {each.label for each in self._watched if each.label} | {*settings.labels}
        slots = min(len(self._watched), settings.slots)
        return self._application.worker(tuple(sorted(labels)), slots)

    def _have_ended(self) -> bool:
        from mprelease.storage import releases

        if self._is_over.is_set():
            return True
        with self._application.services.database.reading() as db:
            by_id = releases.by_ids(db, [each.release_id for each in self._watched])
        return all(release.state.is_final for release in by_id.values())


def _seconds(stage: StageRecord) -> str:
    if stage.started_at is None or stage.ended_at is None:
        return ""
    cached = f" · {t('stage.cached')}" if stage.cached else ""
    return f"  {duration(stage.ended_at - stage.started_at)}{cached}"
