"""Follow releases in the terminal, and work on them meanwhile if nobody else does."""

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

_LOOK_SECONDS = 0.25
_TIMEOUT_SECONDS = 2
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
    """Tell on standard error how a release goes: its stages, and with `lines` all its output.

    `prefix` stands before each line, to tell the release from others.
    """

    def __init__(self, *, lines: bool, prefix: str = "") -> None:
        """Begin before the first line."""
        self.position = START
        self._lines = lines
        self._prefix = prefix
        self._has_ended = False
        self._told: dict[Stage, StageState] = {}
        self._tail: list[str] = []
        self._waiting_since = time.monotonic()

    def update(self, release: Release, lines: list[LogLine]) -> None:
        """Show what is new, the lines of each stage between its beginning and its end."""
        self.position = lines[-1].position if lines else self.position
        self._tail = [*self._tail, *(line.text for line in lines)][-_TAIL:]
        for stage in release.stages:
            self._report_started(stage)
            for line in lines:
                if self._lines and line.stage == stage.name:
                    self.t(f"  {line.text}")
            self._report_ended(stage)

    @property
    def asks_why(self) -> bool:
        """Tell whether it is time to say why the release is still queued."""
        return time.monotonic() - self._waiting_since > _TIMEOUT_SECONDS

    def wait(self, blocker: int | None, *, is_unknown: bool) -> None:
        """Say once why the release is still queued."""
        if blocker:
            self.t(t("cli.blocked" if is_unknown else "cli.waiting", release=blocker))
            self._waiting_since = math.inf

    def wait_for_worker(self, label: str) -> None:
        """Say once that nobody lives who could take the release."""
        self.t(t("cli.no_worker", label=label))
        self._waiting_since = math.inf

    def end(self, release: Release) -> None:
        """Show, once, the last lines of a release that failed."""
        if release.error and not self._lines and not self._has_ended:
            for line in self._tail:
                self.t(f"  {line}")
        self._has_ended = True

    def cancel(self, ask: Callable[[], object]) -> None:
        """Ask for the end of the release and say so, or why it goes on."""
        try:
            ask()
        except Refused as refused:
            self.t(t.of_problem(refused.problem_detail))
        else:
            self.t(t("cli.canceling"))

    def t(self, line: str) -> None:
        """Show one line."""
        sys.stderr.write(f"{self._prefix}{line}\n")
        sys.stderr.flush()

    def _report_started(self, stage: StageRecord) -> None:
        if stage.state is StageState.PENDING or stage.name in self._told:
            return
        self._told[stage.name] = StageState.RUNNING
        if self._lines:
            self.t(f"{_MARKS[StageState.RUNNING]} {t(f'stage.{stage.name}')}")

    def _report_ended(self, stage: StageRecord) -> None:
        if stage.ended_at is None or self._told.get(stage.name) == stage.state:
            return
        self._told[stage.name] = stage.state
        self.t(f"{_MARKS.get(stage.state, '?')} {t(f'stage.{stage.name}')}{_seconds(stage)}")


def views_of(names: Sequence[str], *, lines: bool) -> list[View]:
    """Return a view for each of several apps, whose lines begin with its name."""
    from rich.cells import cell_len, set_cell_size

    width = max(map(cell_len, names))
    return [View(lines=lines, prefix=f"{set_cell_size(name, width)}  ") for name in names]


@dataclass(frozen=True)
class FollowedRelease:
    """A release that is watched, who tells of it, and the label of the workers that it needs.

    Without a label nobody is told when there is no such worker.
    """

    release_id: int
    view: View
    label: str | None = None


def watch(application: "Application", release_id: int, view: View) -> None:
    """Show a release until its end."""
    _watch(application, [FollowedRelease(release_id, view)])


def follow(application: "Application", watched: Sequence[FollowedRelease]) -> list[Release]:
    """Show one's own releases until their end and return them; Ctrl-C asks for their cancellation.

    Where the database is this data folder's own, this process runs releases for as long as nobody
    else does.
    """
    helper = _Helper(application, watched) if application.is_single_node else None
    with after_acceptance(), helper or nullcontext():
        while True:
            try:
                return _watch(application, watched, helper)
            except KeyboardInterrupt:
                for each in watched:
                    _cancel(application, each)


def _watch(
    application: "Application", watched: Sequence[FollowedRelease], helper: "_Helper | None" = None
) -> list[Release]:
    database = _Outages()
    while True:
        with database.tolerated():
            seen = _look(application, watched, is_helped=helper is not None)
            if all(release.state.is_final for release in seen):
                if helper:
                    helper.join()
                return seen
        if helper:
            helper.wait(_LOOK_SECONDS)
        else:
            time.sleep(_LOOK_SECONDS)


class _Outages:
    """Bear a database that is away or busy, until that has lasted too long."""

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


def _look(
    application: "Application", watched: Sequence[FollowedRelease], *, is_helped: bool
) -> list[Release]:
    """Show what is new of all, which takes as many queries as of one."""
    from mprelease.services import releases
    from mprelease.storage import logs
    from mprelease.storage import releases as stored

    ids = [each.release_id for each in watched]
    with application.services.database.reading() as db:
        found = stored.by_ids(db, ids)
        seen = [found.get(release_id) or releases.get(db, release_id) for release_id in ids]
        ends = logs.ends(db, ids)
        new = [
            list(logs.after(db, each.release_id, each.view.position))
            if ends.get(each.release_id, START) > each.view.position
            else []
            for each in watched
        ]
    for each, release, lines in zip(watched, seen, new, strict=True):
        each.view.update(release, lines)
        if release.state is State.QUEUED and each.view.asks_why:
            _report_blocker(application, each, is_helped=is_helped)
        if release.state.is_final:
            each.view.end(release)
    return seen


def _report_blocker(
    application: "Application", watched: FollowedRelease, *, is_helped: bool
) -> None:
    """Tell why a release is queued for so long: who goes before it, or that nobody takes it."""
    from mprelease.storage import blockers, workers

    label = watched.label
    with application.services.database.reading() as db:
        blocker, is_unknown = blockers.blocker(db, watched.release_id)
        is_served = is_helped or label is None or workers.serving(db, label)
    watched.view.wait(blocker, is_unknown=is_unknown)
    if not is_served and watched.view.asks_why:
        watched.view.wait_for_worker(str(label))


def _cancel(application: "Application", watched: FollowedRelease) -> None:
    from mprelease.services import releases

    with application.services.database.reading() as db:
        has_ended = releases.get(db, watched.release_id).state.is_final
    if not has_ended:
        watched.view.cancel(lambda: releases.cancel(application.services, me(), watched.release_id))


class _Helper:
    """The temporary worker of this process, in a thread of its own."""

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
        """Work no more, also where nobody could wait for the end."""
        self._is_over.set()

    def join(self) -> None:
        """Wait until the worker has put everything away."""
        self._thread.join()

    def wait(self, seconds: float) -> None:
        """Wait for a moment or the end of the work; raise what ended it before its time."""
        self._thread.join(seconds)
        if self._failure:
            raise self._failure

    def _work(self) -> None:
        from mprelease.engine.inline_worker import work_until
        from mprelease.storage.outage import OUTAGE

        while not self._is_over.is_set():
            try:
                work_until(self._have_ended, self._worker, self._application.layout)
            except OUTAGE:  # Whoever follows bears it for a while, too.
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
            found = releases.by_ids(db, [each.release_id for each in self._watched])
        return all(release.state.is_final for release in found.values())


def _seconds(stage: StageRecord) -> str:
    if stage.started_at is None or stage.ended_at is None:
        return ""
    cached = f" · {t('stage.cached')}" if stage.cached else ""
    return f"  {duration(stage.ended_at - stage.started_at)}{cached}"
