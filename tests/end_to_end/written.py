"""A release whose log is written by the test, through the recorder of a worker."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from mprelease.domain.people import Actor
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Kind, ReleaseRequest, Stage, StageState, State
from mprelease.engine.recorder import DatabaseRecorder
from mprelease.pipeline.runner import Ending
from mprelease.security.vault import Vault
from mprelease.services import apps, projects, releases
from mprelease.services.house import House
from mprelease.storage import queue
from mprelease.storage.database import Database, sqlite_url
from team import APP_ID, Team

_HOUR_MS = 3_600_000


@dataclass
class Written:
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
        self.recorder.finish(Ending(state))


@contextmanager
def writing(team: Team, key: str) -> Iterator[Written]:
    """Have a release run in the team's house, where no worker is."""
    database = Database(sqlite_url(team.data / "mprelease.db"))
    house = House(database, Vault(bytes(32)), _now, ZoneInfo("Asia/Shanghai"))
    boss = Actor("林")
    projects.add(house, boss, projects.ProjectChange("web", "/srv/web.git", "main"))
    new = apps.AppChange(name="shop", platform_app_id=APP_ID, credential=key.encode())
    apps.add(house, boss, "web", Platform.WECHAT, new)
    release_id = releases.request(house, boss, ReleaseRequest("shop", Kind.PREVIEW))
    lease = queue.claim(database, release_id, "a-worker", "a-token", _HOUR_MS)
    assert lease
    yield Written(release_id, DatabaseRecorder(database, lease, _now))
    database.close()


def _now() -> int:
    return time.time_ns() // 1_000_000
