"""A deployment for a run: a database, Redis for servers, and a folder for each node."""

import base64
import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from chaos.plan import APPS, app_name
from chaos.vendor import Vendor
from mprelease.application import Application, opened
from mprelease.domain.platforms import Platform
from mprelease.domain.users import Actor
from mprelease.schemas.apps import AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.services import apps, projects
from mprelease.services.context import keep_secret, owner_of
from mprelease.settings.settings import Settings
from mprelease.simulator.keys import make_key
from mprelease.storage import apps as stored
from mprelease.storage.database import sqlite_url
from servers import Server, mariadb, postgresql, redis_server

SHAPES = ("sqlite", "mariadb", "postgresql")
LEASE_SECONDS = 5
_TESTS = Path(__file__).parents[1]
_STARTS = {"mariadb": mariadb, "postgresql": postgresql}


@dataclass(frozen=True)
class Deployment:
    """One installation; `database` and `redis` are None where there is no such server."""

    folder: Path
    shape: str
    database_url: str
    database: Server | None
    redis: Server | None
    master_key: str
    vendor: Vendor

    def environment(self, node: str) -> Mapping[str, str]:
        """Return the environment of a node's process; alone, all share one data folder."""
        made = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "PYTHONPATH": os.pathsep.join((str(_TESTS), *sys.path)),
            "MPRELEASE_CONFIG": str(self.folder / "none.toml"),
            "MPRELEASE_DATA_DIR": str(self.data(node)),
            "MPRELEASE_MASTER_KEY": self.master_key,
            "MPRELEASE_LEASE_SECONDS": str(LEASE_SECONDS),
            **self.vendor.environment,
        }
        if self.redis:
            made["MPRELEASE_REDIS_URL"] = self.redis.url
        if self.database:
            made["MPRELEASE_DATABASE_URL"] = self.database_url
        return made

    def data(self, node: str) -> Path:
        """Return the data folder of a node."""
        return self.folder / (node if self.database else "data")

    def application(self) -> Application:
        """Open a node that neither accepts nor works; to be closed."""
        return opened(
            Settings(
                data_dir=self.data("desk"),
                database_url=self.database_url,
                master_key=self.master_key,
            )
        )


@contextmanager
def deployed(shape: str, folder: Path, vendor: Vendor) -> Iterator[Deployment]:
    """Start what a shape consists of, with all apps in its database."""
    with ExitStack() as until_the_end:
        server = redis = None
        if shape in _STARTS:
            server = until_the_end.enter_context(_STARTS[shape]())
            redis = until_the_end.enter_context(redis_server())
        url = server.new_database() if server else sqlite_url(folder / "data" / "mprelease.db")
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        made = Deployment(folder, shape, url, server, redis, key, vendor)
        _add_apps(made)
        yield made


def _add_apps(made: Deployment) -> None:
    application = made.application()
    services, who = application.services, Actor("林")
    projects.add(
        services,
        who,
        ProjectChange(name="web", repository=made.vendor.repository, default_branch="main"),
    )
    upload_key = make_key()
    change = AppChange(platform_app_id=_app_id(0), credential=upload_key.encode())
    first = apps.add(services, who, "web", Platform.WECHAT, change.with_(name=app_name(0)))
    # By hand, since checking a key takes a third of a second on a busy machine.
    with services.database.writing() as db:
        for number in range(1, APPS):
            alike = replace(first, id=0, name=app_name(number), platform_app_id=_app_id(number))
            app = stored.add(db, alike, services.now())
            keep_secret(db, services, owner_of(app), apps.CREDENTIAL, upload_key)
    for number in range(APPS):
        made.vendor.register(_app_id(number), upload_key)
    application.close()


def _app_id(number: int) -> str:
    return f"wx{number:016x}"
