"""Write the course of a release into the database, as long as the lease is ours."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import groupby

from mprelease.domain.errors import LeaseLost
from mprelease.domain.logs import LogLine, Position
from mprelease.domain.problems import Message
from mprelease.domain.releases import Commit, Publication, PublishState, Stage, StageState
from mprelease.pipeline.runner import Ending
from mprelease.storage import logs, queue, releases
from mprelease.storage.database import Database, Writer
from mprelease.storage.queue import Lease


class DatabaseRecorder:
    """Record one run; lines are gathered and written together about once a second."""

    def __init__(self, database: Database, lease: Lease, now: Callable[[], int]) -> None:
        """Take the lease under which everything is written, and the clock in ms."""
        self._database = database
        self._lease = lease
        self._now = now
        self._lock = threading.Lock()
        self._one_writer = threading.Lock()
        self._lines: list[LogLine] = []
        self._last = Position(lease.attempt, 0)
        self._stage = Stage.CHECKOUT

    def started(self, stage: Stage) -> None:
        """Write that a stage began."""
        with self._lock:
            self._stage = stage
        with self._writing() as db:
            queue.start_stage(db, self._lease, stage, self._now())

    def line(self, text: str) -> None:
        """Give a line its number and keep it until the next flush; from any thread."""
        # A file name may hold bytes that are no text; the database takes text alone.
        clean = text.encode(errors="replace").decode()
        with self._lock:
            self._last = Position(self._last.attempt, self._last.line + 1)
            self._lines.append(LogLine(self._last, self._now(), self._stage, clean))

    def ended(self, stage: Stage, state: StageState, *, cached: bool = False) -> None:
        """Write how a stage ended."""
        with self._writing() as db:
            queue.end_stage(db, self._lease, stage, state, self._now(), cached=cached)

    def checked_out(self, commit: Commit) -> None:
        """Write which commit the ref stands for."""
        with self._writing() as db:
            queue.write(db, self._lease, commit=asdict(commit))

    def warned(self, message: Message) -> None:
        """Add a warning to the release."""
        with self._writing() as db:
            queue.warn(db, self._lease, message)

    def published(self, publication: Publication) -> None:
        """Write the platform's answer, and that the release has reached it."""
        sizes = asdict(publication.sizes) if publication.sizes else None
        with self._writing() as db:
            queue.write(db, self._lease, sizes=sizes, publish_state=PublishState.DONE)
            if publication.qr_code:
                releases.put_qr_code(
                    db,
                    self._lease.release_id,
                    publication.qr_code,
                    publication.qr_code_type,
                    self._now(),
                )

    def flush(self) -> None:
        """Write the gathered lines and renew the lease; raise LeaseLost when it is not ours."""
        with self._writing():
            pass

    def finish(self, ending: Ending) -> None:
        """Write the end of the release, with the last lines, in one transaction."""
        with self._writing() as db:
            if ending.warning:
                queue.warn(db, self._lease, ending.warning)
            queue.end(db, self._lease, ending.state, ending.error, ending.failed_stage)

    @contextmanager
    def _writing(self) -> Iterator[Writer]:
        # The keeper of the lease writes too: no line may be written, or forgotten, by both.
        with self._one_writer:
            with self._database.writing() as db:
                if not queue.renew(db, self._lease):
                    raise LeaseLost
                taken = self._write_lines(db)
                yield db
            # Only what is committed may be forgotten.
            with self._lock:
                del self._lines[:taken]

    def _write_lines(self, db: Writer) -> int:
        with self._lock:
            lines = list(self._lines)
        for _, of_stage in groupby(lines, key=lambda line: line.stage):
            logs.append(db, self._lease.release_id, list(of_stage))
        return len(lines)
