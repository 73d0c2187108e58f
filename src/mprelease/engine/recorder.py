"""Record the progress of a release in the database while its lease is held."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from itertools import groupby
from typing import Protocol

from mprelease.domain.apps import BundlerCache
from mprelease.domain.codes import UNKNOWN
from mprelease.domain.errors import LeaseLost
from mprelease.domain.logs import LogLine, Position
from mprelease.domain.problems import Message
from mprelease.domain.releases import Commit, Publication, PublishState, Stage, StageState
from mprelease.engine.log_limit import LimitedLog
from mprelease.pipeline.runner import Outcome
from mprelease.storage import apps, audit, clock, logs, queue, releases
from mprelease.storage.audit import AuditEntry
from mprelease.storage.database import Database, Writer
from mprelease.storage.outage import OUTAGE
from mprelease.storage.queue import Lease
from mprelease.storage.storable_text import storable
from mprelease.supervision import LoopSupervisor

_log = logging.getLogger(__name__)
_BETWEEN_TRIES = 0.5
_OWN_NAME = "mprelease"
_OUTAGE_SECONDS_BEHIND_FENCE = 900.0


class LogListener(Protocol):
    """Receives the log and the changes of releases; called from any thread, must not block."""

    def line_written(self, release_id: int, line: LogLine) -> None:
        """Handle a new line; called before it is stored."""

    def changed(self, release_id: int) -> None:
        """Handle a change of the release other than a line; called after it is stored."""

    def ended(self, release_id: int) -> None:
        """Handle the end of the log in this process."""


class Broadcast:
    """Forward everything to any number of listeners.

    The failure of a listener is reported to `loops`; it affects neither the others nor the release.
    """

    def __init__(self, *listeners: LogListener, loops: LoopSupervisor | None = None) -> None:
        """Take the listeners, and the supervisor that counts their failures."""
        self._listeners = listeners
        self._loops = loops or LoopSupervisor()

    def line_written(self, release_id: int, line: LogLine) -> None:
        """Forward a line."""
        self._each(lambda listener: listener.line_written(release_id, line))

    def changed(self, release_id: int) -> None:
        """Forward a change."""
        self._each(lambda listener: listener.changed(release_id))

    def ended(self, release_id: int) -> None:
        """Forward the end of the log."""
        self._each(lambda listener: listener.ended(release_id))

    def _each(self, call: Callable[[LogListener], None]) -> None:
        for listener in self._listeners:
            try:
                call(listener)
            except Exception as error:  # noqa: BLE001 the release must continue
                self._loops.report("live view", error)


class DatabaseRecorder:
    """Record one attempt; lines are buffered and written twice a second by the lease's thread."""

    def __init__(
        self,
        database: Database,
        lease: Lease,
        now: Callable[[], int],
        log: LimitedLog,
        live: LogListener | None = None,
    ) -> None:
        """Take the lease, a clock in ms since the epoch, and the listener of the live view.

        `log` selects the lines that are stored.
        """
        self._log = log
        self._live = live or Broadcast()
        self._database = database
        self._lease = lease
        self._now = now
        self._lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._lines: list[LogLine] = []
        self._last = Position(lease.attempt, 0)
        self._stage = Stage.CHECKOUT
        # After an outage of so long, stop before another worker can claim the release.
        self._outage_seconds = 0.7 * lease.ttl / 1000
        self._renewed_at = time.monotonic()
        self.is_behind_fence = False

    def started(self, stage: Stage) -> None:
        """Write the start of a stage."""
        with self._lock:
            self._stage = stage
        self._write(lambda db: queue.start_stage(db, self._lease, stage))
        self._live.changed(self._lease.release_id)

    def line(self, text: str) -> None:
        """Assign a line its number and buffer it until the next flush; thread-safe.

        Lines beyond the limits of the log are held back until the stage ends, or dropped.
        """
        # The live view gets the same text as the database.
        clean = storable(text)
        with self._lock:
            self._number(self._log.take(clean))

    def ended(self, stage: Stage, state: StageState, *, cached: bool = False) -> None:
        """Write the end of a stage."""
        self._end_log()
        self._write(lambda db: queue.end_stage(db, self._lease, stage, state, cached=cached))
        self._live.changed(self._lease.release_id)

    def checked_out(self, commit: Commit) -> None:
        """Write the commit that the ref resolved to."""
        self._write(lambda db: queue.write(db, self._lease, commit=asdict(commit)))

    def numbered(self, version: str) -> None:
        """Write the version of the release."""
        self._write(lambda db: queue.write(db, self._lease, version=version))
        self._live.changed(self._lease.release_id)

    def chose_node(self, version: str) -> None:
        """Write the version of Node."""
        self._write(lambda db: queue.write(db, self._lease, node_version=version))

    def stop_bundler_cache(self) -> None:
        """Switch the setting of the app off, with an entry in the audit."""
        self._write(self._stop_bundler_cache)

    def built_as(self, artifact: str) -> None:
        """Write the name of the artifact."""
        self._write(lambda db: queue.write(db, self._lease, artifact=artifact))

    def warned(self, message: Message) -> None:
        """Add a warning to the release."""
        self._write(lambda db: queue.warn(db, self._lease, message))

    def published(self, publication: Publication) -> None:
        """Write the platform's answer, and set the publish state to DONE."""
        self._write(lambda db: self._keep(db, publication))

    def flush(self) -> None:
        """Write the buffered lines and renew the lease; raise LeaseLost if it is not held."""
        self._write(lambda _: None)

    def give_up(self) -> None:
        """Write the last lines without an end of the release; raise LeaseLost if not held."""
        self._end_log()
        self.flush()

    def finish(self, outcome: Outcome) -> None:
        """Write the end of the release, with the last lines, in one transaction."""
        self._end_log()
        self._write(lambda db: self._end(db, outcome))

    def _number(self, texts: Iterable[str]) -> None:
        """Assign numbers, buffer the lines, notify the listener; the lock must be held."""
        for text in texts:
            self._last = Position(self._last.attempt, self._last.line + 1)
            line = LogLine(self._last, self._now(), self._stage, text)
            self._lines.append(line)
            self._live.line_written(self._lease.release_id, line)

    def _end_log(self) -> None:
        """Add the lines that were held back by the limits of the log."""
        with self._lock:
            self._number(self._log.end_stage())

    def _end(self, db: Writer, outcome: Outcome) -> None:
        if outcome.warning:
            queue.warn(db, self._lease, outcome.warning)
        queue.end(db, self._lease, outcome.state, outcome.error, outcome.failed_stage)

    def _keep(self, db: Writer, publication: Publication) -> None:
        sizes = asdict(publication.sizes) if publication.sizes else None
        queue.write(db, self._lease, sizes=sizes, publish_state=PublishState.DONE)
        if publication.qr_code:
            image, kind = publication.qr_code, publication.qr_code_type
            lifetime = publication.lifetime or UNKNOWN
            now = clock.read(db)
            releases.put_qr_code(db, self._lease.release_id, image, kind, now, lifetime)

    def _stop_bundler_cache(self, db: Writer) -> None:
        release = releases.by_id(db, self._lease.release_id)
        assert release is not None
        if apps.stop_bundler_cache(db, release.app_id):
            details = {"bundler_cache": BundlerCache.OFF, "release": release.id}
            entry = AuditEntry("app.edit", release.app_name, details, release.app_id)
            audit.write(db, replace(entry, at=self._now(), who=_OWN_NAME, app_id=release.app_id))

    def _write(self, write: Callable[[Writer], object]) -> None:
        # The lease's thread writes too: a line must be written and removed by only one of them.
        with self._write_lock:
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
        # Only after the commit may lines leave the buffer.
        with self._lock:
            del self._lines[:taken]
        self._renewed_at = time.monotonic()

    def _wait(self, outage: Exception) -> None:
        """Sleep before the next try; raise LeaseLost if the outage has lasted too long.

        Behind the fence no other worker claims the release, so its end can be written much later.
        """
        limit = _OUTAGE_SECONDS_BEHIND_FENCE if self.is_behind_fence else self._outage_seconds
        if time.monotonic() - self._renewed_at > limit:
            raise LeaseLost from outage
        _log.warning("release %s waits for the database: %s", self._lease.release_id, outage)
        time.sleep(_BETWEEN_TRIES)

    def _write_lines(self, db: Writer) -> int:
        with self._lock:
            lines = list(self._lines)
        for _, of_stage in groupby(lines, key=lambda line: line.stage):
            logs.append(db, self._lease.release_id, list(of_stage))
        return len(lines)
