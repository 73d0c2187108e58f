"""Resolve releases of unknown end, as an administrator does who looks at the platform."""

import threading
import time

from sqlalchemy import select

from chaos.vendor import Vendor, has_upload
from mprelease.application import Application
from mprelease.domain.errors import Refused
from mprelease.domain.releases import State
from mprelease.domain.users import Actor
from mprelease.services import releases
from mprelease.storage.outage import OUTAGE
from mprelease.storage.tables import releases as rows

_LOOK_SECONDS = 0.5
# Longer than a machine stays frozen here: a worker that comes back reports the end first.
_CAREFUL_SECONDS = 15.0
_SURE_SECONDS = 4.0


class Resolver:
    """Decide about releases of unknown end, in a thread, until `end`."""

    def __init__(self, application: Application, vendor: Vendor) -> None:
        """Take the application, and the platform."""
        self._services = application.services
        self._vendor = vendor
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="resolver")
        self._waits = _CAREFUL_SECONDS
        # Since when each one is seen to be unknown; those that came back are forgotten.
        self._since: dict[int, float] = {}
        self.seen_unknown: set[int] = set()
        self.decided: dict[int, bool] = {}
        # How many releases are not at their end; None before the first look.
        self.open: int | None = None

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def decide_sooner(self) -> None:
        """Decide sooner: no process is frozen any more."""
        self._waits = _SURE_SECONDS
        self._since = dict.fromkeys(self._since, time.monotonic())
        self.open = None

    def end(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            try:
                self._look()
            except OUTAGE:
                continue

    def _look(self) -> None:
        ends = {State.SUCCEEDED, State.FAILED, State.CANCELED}
        with self._services.database.reading() as db:
            unfinished = db.connection.execute(
                select(rows.c.id, rows.c.state, rows.c.idempotency_key).where(
                    rows.c.state.not_in(ends)
                )
            ).all()
        unknown = {row.id: row.idempotency_key for row in unfinished if row.state == State.UNKNOWN}
        now = time.monotonic()
        self._since = {each: self._since.get(each, now) for each in unknown}
        self.seen_unknown |= unknown.keys()
        for each, since in self._since.items():
            if now - since > self._waits:
                self._decide(each, unknown[each])
        self.open = len(unfinished)

    def _decide(self, release_id: int, key: str) -> None:
        has_arrived = has_upload(self._vendor, key)
        try:
            releases.resolve(self._services, Actor("王"), release_id, published=has_arrived)
        except Refused:
            return  # It came back at this very moment.
        self.decided[release_id] = has_arrived
