"""A release whose log is written by the test, through the recorder of a worker."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from command_line import APP_ID, CommandLine
from mprelease.domain.logs import LogLimits
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Kind, Stage, StageState, State
from mprelease.domain.users import Actor
from mprelease.engine.log_limit import LimitedLog
from mprelease.engine.recorder import DatabaseRecorder
from mprelease.i18n import Language, Translator
from mprelease.pipeline.runner import Outcome
from mprelease.schemas.apps import AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.security.vault import Vault, master_key
from mprelease.services import apps, projects, releases
from mprelease.services.context import ServiceContext
from mprelease.storage import queue
from mprelease.storage import releases as stored
from mprelease.storage.database import Database, sqlite_url

_HOUR_MS = 3_600_000
ADMIN = Actor("林")


@dataclass
class RecordedRelease:
    """A running release, and what is recorded of it."""

    id: int
    recorder: DatabaseRecorder

    def stage(self, stage: Stage, lines: Iterable[str]) -> None:
        """Write a whole stage."""
        self.recorder.started(stage)
        self.write(lines)
        self.recorder.ended(stage, StageState.SUCCEEDED)

    def write(self, lines: Iterable[str]) -> None:
        """Write lines of the present stage."""
        for line in lines:
            self.recorder.line(line)
        self.recorder.flush()

    def end(self, state: State = State.SUCCEEDED) -> None:
        self.recorder.finish(Outcome(state))


@contextmanager
def opened_services(cli: CommandLine, key: str) -> Iterator[ServiceContext]:
    """Open the services of the data folder beside the server, and add an app."""
    database = Database(sqlite_url(cli.data / "mprelease.db"))
    vault = Vault(master_key(None, cli.data / "master.key"))
    services = ServiceContext(database, vault, _now, ZoneInfo("Asia/Shanghai"))
    projects.add(
        services, ADMIN, ProjectChange(name="web", repository="/srv/web.git", default_branch="main")
    )
    new = AppChange(name="shop", platform_app_id=APP_ID, credential=key.encode())
    apps.add(services, ADMIN, "web", Platform.WECHAT, new)
    yield services
    database.close()


def claimed(services: ServiceContext, release_id: int, attempt: int = 1) -> RecordedRelease:
    """Take a queued release as a worker does."""
    lease = queue.claim(services.database, release_id, "a-worker", f"token {attempt}", _HOUR_MS)
    assert lease
    log = LimitedLog(LogLimits(32 << 20, 200_000), Translator(Language.ENGLISH))
    return RecordedRelease(release_id, DatabaseRecorder(services.database, lease, _now, log))


@contextmanager
def recording(services: ServiceContext) -> Iterator[RecordedRelease]:
    """Have a release run where no worker is; one that has not ended by then ends."""
    wanted = ReleaseRequest(app="shop", kind=Kind.PREVIEW)
    made = claimed(services, releases.request(services, ADMIN, wanted))
    yield made
    with services.database.reading() as db:
        left = stored.by_id(db, made.id)
    if left and not left.state.is_final:
        made.end()


def _now() -> int:
    return time.time_ns() // 1_000_000
