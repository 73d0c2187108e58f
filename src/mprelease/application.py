"""Compose the parts from the settings: the one place that chooses implementations."""

import logging
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from mprelease.domain.apps import App
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Stage
from mprelease.engine.worker import Worker
from mprelease.pipeline.run import Limits, Node, Workshop
from mprelease.platforms import tools
from mprelease.platforms.driver import Account, Link
from mprelease.platforms.registry import driver_of
from mprelease.platforms.tools import Tool
from mprelease.process import programs, sandbox
from mprelease.process.sandbox import Sandbox
from mprelease.process.tree import Stop
from mprelease.security.vault import Vault, master_key
from mprelease.services.apps import CREDENTIAL
from mprelease.services.house import House, open_secrets, owner_of
from mprelease.settings.environment import machine_environment, variables
from mprelease.settings.knobs import Settings
from mprelease.storage.database import Database, readable_errors, sqlite_url
from mprelease.storage.migrate import migrate
from mprelease.storage.releases import DEFAULT_LABEL
from mprelease.workspace.layout import Layout, prepared

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Application:
    """The parts of one running mprelease."""

    settings: Settings
    layout: Layout
    house: House

    @cached_property
    def environment(self) -> Mapping[str, str]:
        """Return what programs that we start may inherit."""
        return machine_environment()

    @cached_property
    def node(self) -> Node:
        """Return the machine's Node and npm; raise Refused when they are missing or too old."""
        node = programs.find(programs.NODE, self.environment)
        npm = programs.find(programs.NPM, self.environment)
        # Links followed: in the sandbox only the installation itself is to be seen.
        return Node(
            str(Path(node.path).resolve()), npm.path, node.folder, node.version, npm.version
        )

    @cached_property
    def link(self) -> Link:
        """Return how the platforms are reached from here."""
        return Link(self.settings.vendor_proxy, self.settings.extra_ca_certs)

    def worker(self) -> Worker:
        """Return a worker; raise Refused when the machine lacks what a release needs."""
        programs.find(programs.GIT, self.environment)
        worker_id = f"{socket.gethostname()}:{os.getpid()}"
        return Worker(self.house, self._workshop(), worker_id, (DEFAULT_LABEL,))

    @cached_property
    def sandbox(self) -> Sandbox:
        """Return the strongest sandbox of this machine; raise Refused when one is required."""
        hidden = (self.settings.data_dir, self.settings.tools)
        path = self.environment.get("PATH", os.defpath)
        return sandbox.choose(
            self.settings.sandbox, hidden=hidden, path=path, workplace=self.settings.data_dir
        )

    def tool(self, platform: Platform) -> Tool:
        """Return the pinned tool of a platform."""
        return driver_of(platform).tool

    def has_tool(self, platform: Platform) -> bool:
        """Tell whether the pinned tool of a platform is installed."""
        return tools.is_installed(driver_of(platform).tool, self.settings.tools)

    def install_tool(self, platform: Platform) -> None:
        """Install the pinned tool of a platform; raise StageFailed when that fails."""
        tools.install(
            driver_of(platform).tool,
            self.settings.tools,
            npm=self.node.npm,
            environment=self.environment,
            registry=self.settings.npm_registry,
            on_line=_log.info,
            stop=Stop(),
        )

    def _workshop(self) -> Workshop:
        settings = self.settings
        return Workshop(
            layout=self.layout,
            sandbox=self.sandbox,
            tools=settings.tools,
            node=self.node,
            environment=self.environment,
            build_variables=variables(settings.build_env),
            npm_registry=settings.npm_registry,
            link=self.link,
            limits=_limits(settings),
        )


def check_credential(application: Application, app: App) -> None:
    """Ask the platform whether it accepts an app's id, key and our address; raise StageFailed."""
    house = application.house
    with house.database.reading() as db:
        secrets = open_secrets(db, house, owner_of(app))
    link = replace(application.link, proxy=app.proxy or application.link.proxy)
    driver_of(app.platform).check(Account(app.platform_app_id, secrets[CREDENTIAL]), link)


def opened(settings: Settings) -> Application:
    """Open the data folder, bring its database up to date, and return the parts."""
    layout = prepared(settings.data_dir)
    database = Database(settings.database_url or sqlite_url(layout.database))
    with readable_errors():
        migrate(database, layout.migration_lock)
    given = settings.master_key.get_secret_value() if settings.master_key else None
    vault = Vault(master_key(given, layout.master_key))
    house = House(database, vault, _now, ZoneInfo(settings.timezone))
    return Application(settings, layout, house)


def _now() -> int:
    return time.time_ns() // 1_000_000


def _limits(settings: Settings) -> Limits:
    return Limits(
        seconds={
            Stage.CHECKOUT: settings.checkout_limit,
            Stage.INSTALL: settings.install_limit,
            Stage.BUILD: settings.build_limit,
            Stage.PUBLISH: settings.publish_limit,
        },
        node_memory=settings.node_memory,
    )
