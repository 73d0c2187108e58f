"""A slot of a worker: runs one release at a time, from claim to end."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from mprelease.domain.errors import LeaseLost, Requeued, StageFailed
from mprelease.domain.logs import LogLimits
from mprelease.domain.problems import Problem
from mprelease.domain.releases import State
from mprelease.engine.fence import DatabaseFence
from mprelease.engine.lease import kept_alive
from mprelease.engine.log_limit import LimitedLog
from mprelease.engine.masking import MaskingRecorder, masked_outcome
from mprelease.engine.recorder import Broadcast, DatabaseRecorder, LogListener
from mprelease.engine.tool_supply import ToolSupply
from mprelease.i18n import Language, Translator
from mprelease.log_context import about_release
from mprelease.pipeline.job_secrets import secrets_of
from mprelease.pipeline.run import Job, Machine, Run
from mprelease.pipeline.runner import Outcome, problem_detail_of, run_stages
from mprelease.platforms.registry import driver_of
from mprelease.process.build_users import ClaimedUser
from mprelease.process.mask import Mask
from mprelease.process.tree import Stop
from mprelease.services.apps import CREDENTIAL
from mprelease.services.context import ServiceContext, open_secrets, owner_of
from mprelease.services.projects import opened_secrets
from mprelease.storage import apps, projects, queue, releases
from mprelease.storage.outage import OUTAGE
from mprelease.storage.queue import Lease

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WorkerDependencies:
    """Dependencies shared by all slots of a worker.

    `release_limit` is the time limit of a release in seconds. `tools` installs missing vendor
    tools. `live` gets each line that `log_limits` admit; `words` translates our own log lines.
    """

    services: ServiceContext
    machine: Machine
    release_limit: int
    pipeline: Callable[[Run], Outcome] = run_stages
    tools: ToolSupply = ToolSupply()  # noqa: RUF009 it is frozen
    live: LogListener = field(default_factory=Broadcast)
    log_limits: LogLimits = field(default_factory=lambda: LogLimits(32 << 20, 200_000))
    words: Translator = field(default_factory=lambda: Translator(Language.ENGLISH))


class Slot:
    """Run releases with the dependencies of one machine, in workspaces of this slot's number."""

    def __init__(self, dependencies: WorkerDependencies, number: int) -> None:
        """Take the dependencies and the slot's number, from 1."""
        self._dependencies = dependencies
        self._number = number
        self._user: ClaimedUser | None = None
        self._current: _RunningRelease | None = None
        self._is_requeueing = False
        self._look: Callable[[], None] | None = None
        self.busy_since: float | None = None

    def reserve(self) -> None:
        """Mark the slot as busy: a release was claimed for it."""
        self.busy_since = time.monotonic()

    def run(self, lease: Lease) -> None:
        """Run a release and record its end; its failure is recorded, not raised."""
        with about_release(lease.release_id):
            services = self._dependencies.services
            log = LimitedLog(self._dependencies.log_limits, self._dependencies.words)
            recorder = DatabaseRecorder(
                services.database, lease, services.now, log, self._dependencies.live
            )
            running = _RunningRelease(lease, Stop(), recorder, ExitStack())
            try:
                self._run(running)
            finally:
                running.close_resources()
                self.busy_since = None

    def _run(self, running: "_RunningRelease") -> None:
        lease, stop, recorder = running.lease, running.stop, running.recorder
        self._current = running
        if self._is_requeueing:
            stop.ask(Requeued())
        try:
            with (
                kept_alive(self._dependencies.services.database, lease, recorder, stop) as look,
                self._limited(stop, recorder),
            ):
                self._look = look
                outcome = self._outcome(running)
            recorder.finish(outcome)
        except Requeued:
            self._requeue(lease, recorder)
        except LeaseLost:
            _log.warning("the lease of release %s was lost", lease.release_id)
        finally:
            self._current = self._look = None
            self._dependencies.live.ended(lease.release_id)

    def look(self) -> None:
        """Look now whether the running release is canceled."""
        if look := self._look:
            look()

    def requeue(self) -> None:
        """Return the running release to the queue, unless its upload has begun."""
        self._is_requeueing = True
        current = self._current
        if current and not current.recorder.is_behind_fence:
            current.stop.ask(Requeued())

    def _requeue(self, lease: Lease, recorder: DatabaseRecorder) -> None:
        try:
            recorder.give_up()
        except LeaseLost:
            return  # Another node has recovered the release already.
        with self._dependencies.services.database.writing() as db:
            if queue.requeue(db, lease):
                _log.info("release %s is requeued", lease.release_id)

    def _limited(self, stop: Stop, recorder: DatabaseRecorder) -> "_Limit":
        return _Limit(self._dependencies.release_limit, stop, recorder)

    def _outcome(self, running: "_RunningRelease") -> Outcome:
        try:
            job = self._read_job(running.lease)
            dependencies = self._dependencies
            mask = Mask(secrets_of(job, dependencies.machine))
            masking = MaskingRecorder(running.recorder, mask)
            early = dependencies.tools.ensure(
                job.app.platform, masking, running.stop, dependencies.words
            )
            return masked_outcome(early or self._piped(job, running, mask), mask)
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001 a release must not end the worker
            return _crashed(running.lease, error)

    def _piped(self, job: Job, running: "_RunningRelease", mask: Mask) -> Outcome:
        try:
            return self._dependencies.pipeline(self._prepared(job, running, mask))
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001 its text may contain a secret: it is masked
            return _crashed(running.lease, error)

    def _prepared(self, job: Job, running: "_RunningRelease", mask: Mask) -> Run:
        masking = MaskingRecorder(running.recorder, mask)
        services, machine = self._dependencies.services, self._dependencies.machine
        user, resources, stop = self._claimed(), running.resources, running.stop
        workspace = machine.workspace(
            job.project.repository, self._number, user.uid if user else None, resources
        )
        fence = DatabaseFence(services, running.lease, job.release.kind, stop, running.recorder)
        return Run(
            job=job,
            machine=machine,
            driver=driver_of(job.app.platform),
            workspace=workspace,
            user=user,
            resources=resources,
            stop=stop,
            recorder=masking,
            fence=fence,
            log=masking.line,
        )

    def _claimed(self) -> ClaimedUser | None:
        """Return the user id of this slot's builds, claimed once per process."""
        users = self._dependencies.machine.sandbox.users
        if self._user is None and users:
            self._user = users.claim()
        return self._user

    def _read_job(self, lease: Lease) -> Job:
        try:
            return self._job(lease.release_id)
        except OUTAGE as outage:
            # Nothing is done yet: the lease expires, and another worker starts the release again.
            raise LeaseLost from outage

    def _job(self, release_id: int) -> Job:
        services = self._dependencies.services
        with services.database.reading() as db:
            release = releases.by_id(db, release_id)
            assert release is not None
            app = apps.by_id(db, release.app_id)
            project = projects.by_id(db, app.project_id)
            app_secrets = open_secrets(db, services, owner_of(app))
            project_secrets = opened_secrets(db, services, project)
        return Job(
            release=release,
            app=app,
            project=project,
            credential=app_secrets.get(CREDENTIAL, ""),
            project_secrets=project_secrets,
        )


@dataclass(frozen=True)
class _RunningRelease:
    lease: Lease
    stop: Stop
    recorder: DatabaseRecorder
    resources: ExitStack

    def close_resources(self) -> None:
        try:
            self.resources.close()
        except Exception as error:  # noqa: BLE001 the end of the release is recorded
            _log.error("release %s", self.lease.release_id, exc_info=error)


class _Limit:
    """The time limit of a whole release; behind the fence only the one of publishing applies."""

    def __init__(self, seconds: int, stop: Stop, recorder: DatabaseRecorder) -> None:
        self._reason = StageFailed(Problem.RELEASE_TIME_LIMIT, seconds=seconds)
        self._stop = stop
        self._recorder = recorder
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _end(self) -> None:
        if not self._recorder.is_behind_fence:
            self._stop.ask(self._reason)


def _crashed(lease: Lease, error: Exception) -> Outcome:
    _log.error("release %s", lease.release_id, exc_info=error)
    return Outcome(State.FAILED, problem_detail_of(error))
