"""Write the course of a release into the database, as long as the lease is ours."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from itertools import groupby
from typing import Protocol

from mprelease.domain.errors import LeaseLost
from mprelease.domain.logs import LogLine, Position
from mprelease.domain.problems import Message
from mprelease.domain.releases import Commit, Publication, PublishState, Stage, StageState
from mprelease.engine.log_limit import LimitedLog
from mprelease.pipeline.runner import Outcome
from mprelease.storage import clock, logs, queue, releases
from mprelease.storage.database import Database, Writer
from mprelease.storage.outage import OUTAGE
from mprelease.storage.queue import Lease
from mprelease.storage.text import storable
from mprelease.supervision import LoopSupervisor

_log = logging.getLogger(__name__)
_BETWEEN_TRIES = 0.5
_OUTAGE_SECONDS_BEHIND_FENCE = 900.0


class LogListener(Protocol):
    """Whoever watches; told without waiting, from any thread."""

    def line_written(self, release_id: int, line: LogLine) -> None:
        """Take a line, before it is stored."""

    def changed(self, release_id: int) -> None:
        """Know that something else about a release is stored."""

    def ended(self, release_id: int) -> None:
        """Know that no more lines come."""


class Broadcast:
    """Tell everybody who watches, in this process or through others; perhaps nobody does.

    Whoever fails at listening is reported, and neither the others nor the release hear of it.
    """

    def __init__(self, *everybody: LogListener, loops: LoopSupervisor | None = None) -> None:
        """Take those who want to know, and who counts their failures."""
        self._everybody = everybody
        self._loops = loops or LoopSupervisor()

    def line_written(self, release_id: int, line: LogLine) -> None:
        """Pass a line on."""
        self._each(lambda one: one.line_written(release_id, line))

    def changed(self, release_id: int) -> None:
        """Pass on that something is stored."""
        self._each(lambda one: one.changed(release_id))

    def ended(self, release_id: int) -> None:
        """Pass on that no more lines come."""
        self._each(lambda one: one.ended(release_id))

    def _each(self, tell: Callable[[LogListener], None]) -> None:
        for one in self._everybody:
            try:
                tell(one)
            except Exception as error:  # noqa: BLE001 what is watched goes on unwatched
                self._loops.report("live view", error)


class DatabaseRecorder:
    """Record one run; lines are gathered and written together about once a second."""

    def __init__(
        self,
        database: Database,
        lease: Lease,
        now: Callable[[], int],
        log: LimitedLog,
        live: LogListener | None = None,
    ) -> None:
        """Take the lease under which all is written, the clock of lines in ms, and who watches.

        `log` decides which lines are kept.
        """
        self._log = log
        self._live = live or Broadcast()
        self._database = database
        self._lease = lease
        self._now = now
        self._lock = threading.Lock()
        self._one_writer = threading.Lock()
        self._lines: list[LogLine] = []
        self._last = Position(lease.attempt, 0)
        self._stage = Stage.CHECKOUT
        # With the database away for so long, stop before somebody else may begin.
        self._patience = 0.7 * lease.ttl / 1000
        self._renewed_at = time.monotonic()
        self.is_behind_fence = False

    def started(self, stage: Stage) -> None:
        """Write that a stage began."""
        with self._lock:
            self._stage = stage
        self._write(lambda db: queue.start_stage(db, self._lease, stage))
        self._live.changed(self._lease.release_id)

    def line(self, text: str) -> None:
        """Give a line its number and keep it until the next flush; from any thread.

        What is beyond the limits of the log waits until the stage ends, or is left out.
        """
        # Who watches gets what is stored.
        clean = storable(text)
        with self._lock:
            self._number(self._log.take(clean))

    def ended(self, stage: Stage, state: StageState, *, cached: bool = False) -> None:
        """Write how a stage ended."""
        self._end_log()
        self._write(lambda db: queue.end_stage(db, self._lease, stage, state, cached=cached))
        self._live.changed(self._lease.release_id)

    def checked_out(self, commit: Commit) -> None:
        """Write which commit the ref stands for."""
        self._write(lambda db: queue.write(db, self._lease, commit=asdict(commit)))

    def numbered(self, version: str) -> None:
        """Write another version."""
        self._write(lambda db: queue.write(db, self._lease, version=version))
        self._live.changed(self._lease.release_id)

    def warned(self, message: Message) -> None:
        """Add a warning to the release."""
        self._write(lambda db: queue.warn(db, self._lease, message))

    def published(self, publication: Publication) -> None:
        """Write the platform's answer, and that the release has reached it."""
        self._write(lambda db: self._keep(db, publication))

    def flush(self) -> None:
        """Write the gathered lines and renew the lease; raise LeaseLost when it is not ours."""
        self._write(lambda _: None)

    def give_up(self) -> None:
        """Write the last lines of a run that has no end; raise LeaseLost when it is not ours."""
        self._end_log()
        self.flush()

    def finish(self, ending: Outcome) -> None:
        """Write the end of the release, with the last lines, in one transaction."""
        self._end_log()
        self._write(lambda db: self._end(db, ending))

    def _number(self, texts: Iterable[str]) -> None:
        """Give each line its number, and tell it to those who watch; under the lock."""
        for text in texts:
            self._last = Position(self._last.attempt, self._last.line + 1)
            line = LogLine(self._last, self._now(), self._stage, text)
            self._lines.append(line)
            self._live.line_written(self._lease.release_id, line)

    def _end_log(self) -> None:
        """Write the end of a stage's log that was cut."""
        with self._lock:
            self._number(self._log.end_stage())

    def _end(self, db: Writer, ending: Outcome) -> None:
        if ending.warning:
            queue.warn(db, self._lease, ending.warning)
        queue.end(db, self._lease, ending.state, ending.error, ending.failed_stage)

    def _keep(self, db: Writer, publication: Publication) -> None:
        sizes = asdict(publication.sizes) if publication.sizes else None
        queue.write(db, self._lease, sizes=sizes, publish_state=PublishState.DONE)
        if publication.qr_code:
            image, kind = publication.qr_code, publication.qr_code_type
            releases.put_qr_code(db, self._lease.release_id, image, kind, clock.read(db))

    def _write(self, write: Callable[[Writer], object]) -> None:
        # The keeper of the lease writes too: no line may be written, or forgotten, by both.
        with self._one_writer:
            while True:
                try:
                    self._write_once(write)
                except OUTAGE as outage:
                    self._wait(outage)
                else:
                    return

    def _write_once(self, write: Callable[[Writer], object]) -> None:
        with self._database.writing() as db:
            if not queue.renew(db, self._lease) and not queue.reclaim(db, self._lease):
                raise LeaseLost
            taken = self._write_lines(db)
            write(db)
        # Only what is committed may be forgotten.
        with self._lock:
            del self._lines[:taken]
        self._renewed_at = time.monotonic()

    def _wait(self, outage: Exception) -> None:
        """Wait a moment for the database to come back; raise LeaseLost when it was away too long.

        Behind the fence nobody else will take the release up, so there is time to tell its end.
        """
        timeouts = _OUTAGE_SECONDS_BEHIND_FENCE if self.is_behind_fence else self._patience
        if time.monotonic() - self._renewed_at > timeouts:
            raise LeaseLost from outage
        _log.warning("release %s waits for the database: %s", self._lease.release_id, outage)
        time.sleep(_BETWEEN_TRIES)

    def _write_lines(self, db: Writer) -> int:
        with self._lock:
            lines = list(self._lines)
        for _, of_stage in groupby(lines, key=lambda line: line.stage):
            logs.append(db, self._lease.release_id, list(of_stage))
        return len(lines)
