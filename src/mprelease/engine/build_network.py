"""Block builds from the ports of the web server, of the database and of Redis."""

import logging
import os
from collections.abc import Mapping

from mprelease.domain.endpoints import Endpoint
from mprelease.domain.sandbox import SandboxPolicy
from mprelease.process.network_rules import NetworkRules, NetworkTable
from mprelease.settings import endpoints
from mprelease.settings.settings import Settings
from mprelease.storage import apps, projects
from mprelease.storage.database import Database

_log = logging.getLogger(__name__)


class BuildNetwork:
    """Block builds from mprelease's own ports while this process runs.

    The rules are derived from settings, projects and apps when they are applied. If they cannot be
    enforced, the reason is logged, and `mprelease doctor` shows it. Thread-safe.
    """

    def __init__(
        self, database: Database, settings: Settings, environment: Mapping[str, str], name: str
    ) -> None:
        """Take the sources of the endpoints; `name` is unique per installation on a machine."""
        self._database = database
        self._settings = settings
        self._environment = environment
        self._name = name
        self._tables: list[NetworkTable] = []

    def refuse_stores(self) -> None:
        """Block the database, Redis, and the port of `base_url` if that names one."""
        self._refuse("worker", self.rules)

    def refuse_pages(self, port: int) -> None:
        """Block the port of this process's web server."""
        pages = (Endpoint("localhost", port),)
        self._refuse(f"pages-{port}", NetworkRules(self._settings.uid_range, pages))

    def why_open(self) -> str:
        """Return why builds can reach these ports, empty if they cannot; changes nothing."""
        return self._why_no_uids() or self._table("trial").why_not(self.rules)

    def open(self) -> None:
        """Remove all rules; idempotent."""
        for table in self._tables:
            table.withdraw()

    @property
    def rules(self) -> NetworkRules:
        """Return the rules of a worker."""
        settings = self._settings
        with self._database.reading() as db:
            others = [
                *(project.repository for project in projects.every(db)),
                *(app.proxy for app in apps.every(db) if app.proxy),
            ]
        return NetworkRules(
            settings.uid_range,
            never=endpoints.stores(settings),
            needed=endpoints.needed(settings, self._environment, others),
            avoided=endpoints.page(settings),
        )

    def _refuse(self, purpose: str, rules: NetworkRules) -> None:
        if self._why_no_uids():
            return
        table = self._table(purpose)
        self._tables.append(table)
        if why := table.apply(rules):
            _log.warning("builds can reach ports of mprelease (%s): %s", purpose, why)

    def _table(self, purpose: str) -> NetworkTable:
        path = self._environment.get("PATH", os.defpath)
        return NetworkTable(f"{self._name}-{purpose}", path=path)

    def _why_no_uids(self) -> str:
        if os.geteuid() != 0:
            return "mprelease does not run as root"
        return "MPRELEASE_SANDBOX=off" if self._settings.sandbox is SandboxPolicy.OFF else ""
