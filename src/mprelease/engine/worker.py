"""Claim releases and run them, one at a time."""

import logging
import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace

from mprelease.domain.errors import LeaseLost
from mprelease.domain.projects import ProjectSecret
from mprelease.domain.releases import State
from mprelease.engine.fence import DatabaseFence
from mprelease.engine.lease import kept_alive
from mprelease.engine.recorder import DatabaseRecorder
from mprelease.pipeline.run import Job, Run, Workshop
from mprelease.pipeline.runner import Ending, run_stages, trouble_of
from mprelease.platforms.registry import driver_of
from mprelease.process.mask import Mask
from mprelease.process.tree import Stop
from mprelease.services.apps import CREDENTIAL
from mprelease.services.house import House, open_secrets, owner_of
from mprelease.storage import apps, projects, queue, recovery, releases
from mprelease.storage.queue import Lease

_log = logging.getLogger(__name__)
_SLOT = 1


class Worker:
    """Run releases with the means of one machine."""

    def __init__(
        self, house: House, workshop: Workshop, worker_id: str, labels: Sequence[str]
    ) -> None:
        """Take what every release needs, the worker's name and what it may run."""
        self._house = house
        self._workshop = workshop
        self._id = worker_id
        self._labels = labels

    def recover(self) -> None:
        """Decide about the releases of an earlier life; only for the owner of the data folder."""
        with self._house.database.writing() as db:
            recovery.expire_all(db)
            recovery.reconcile(db)

    def work(self, is_enough: Callable[[], bool]) -> None:
        """Run releases until it is enough or nothing is eligible."""
        while not is_enough() and self.run_one():
            pass

    def run_one(self) -> bool:
        """Claim the best eligible release and run it to its end; False when there is none."""
        lease = self._claim()
        if lease is None:
            return False
        self._run(lease)
        return True

    def _claim(self) -> Lease | None:
        with self._house.database.reading() as db:
            candidates = queue.candidates(db, self._labels)
        leases = (
            queue.claim(self._house.database, candidate, self._id, secrets.token_hex(16))
            for candidate in candidates
        )
        return next((lease for lease in leases if lease), None)

    def _run(self, lease: Lease) -> None:
        stop = Stop()
        recorder = DatabaseRecorder(self._house.database, lease, self._house.now)
        try:
            with kept_alive(self._house.database, lease, recorder, stop):
                ending = self._ending(lease, recorder, stop)
            recorder.finish(ending)
        except LeaseLost:
            _log.warning("release %s is no longer ours", lease.release_id)

    def _ending(self, lease: Lease, recorder: DatabaseRecorder, stop: Stop) -> Ending:
        try:
            job = self._job(lease.release_id)
            run = self._prepared(job, lease, recorder, stop)
            try:
                return _masked(run_stages(run), _mask_of(job))
            finally:
                shutil.rmtree(run.scratch, ignore_errors=True)
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001 a worker outlives whatever a release does
            _log.exception("release %s", lease.release_id)
            return Ending(State.FAILED, trouble_of(error))

    def _prepared(self, job: Job, lease: Lease, recorder: DatabaseRecorder, stop: Stop) -> Run:
        mask = _mask_of(job)
        layout = self._workshop.layout
        return Run(
            job=job,
            workshop=self._workshop,
            driver=driver_of(job.app.platform),
            workspace=layout.workspace(job.project.repository, _SLOT),
            scratch=layout.scratch(lease.release_id),
            stop=stop,
            recorder=recorder,
            fence=DatabaseFence(
                self._house.database, lease, job.release.kind, stop, self._house.now
            ),
            say=lambda line: recorder.line(mask(line)),
        )

    def _job(self, release_id: int) -> Job:
        with self._house.database.reading() as db:
            release = releases.by_id(db, release_id)
            assert release is not None
            app = apps.by_id(db, release.app_id)
            project = projects.by_id(db, app.project_id)
            app_secrets = open_secrets(db, self._house, owner_of(app))
            project_secrets = open_secrets(db, self._house, owner_of(project))
        return Job(
            release=release,
            app=app,
            project=project,
            credential=app_secrets.get(CREDENTIAL, ""),
            project_secrets={ProjectSecret(name): text for name, text in project_secrets.items()},
        )


def _mask_of(job: Job) -> Mask:
    return Mask([job.credential, *job.project_secrets.values()])


def _masked(ending: Ending, mask: Mask) -> Ending:
    """Take secrets out of what is told of a failure: its parameters come from raw output."""
    if ending.error is None:
        return ending
    parameters = {
        name: mask(value) if isinstance(value, str) else value
        for name, value in ending.error.parameters.items()
    }
    return replace(ending, error=replace(ending.error, parameters=parameters))
