"""The opened data folder and database: all that operations and queries need.

Commands that only read import nothing else, so that they answer at once.
"""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from mprelease.messaging import Messaging
from mprelease.security.vault import Vault, master_key
from mprelease.services.context import ServiceContext
from mprelease.settings.settings import Settings
from mprelease.storage.clock import DatabaseClock
from mprelease.storage.database import Database, readable_errors, sqlite_url
from mprelease.storage.migrate import migrate
from mprelease.storage.outage import OUTAGE
from mprelease.supervision import LoopSupervisor
from mprelease.workspace.layout import Layout, prepared


@dataclass(frozen=True)
class Installation:
    """The settings, and what of an installation is opened with them."""

    settings: Settings
    layout: Layout
    services: ServiceContext
    messaging: Messaging
    loops: LoopSupervisor

    def close(self) -> None:
        """Send what is pending, and close the database."""
        self.messaging.close()
        self.services.database.close()


def opened(settings: Settings) -> Installation:
    """Open the data folder, and migrate its database."""
    layout = prepared(settings.data_dir)
    url = settings.database_url or sqlite_url(layout.database)
    database = Database(url)
    with readable_errors():
        migrate(database, layout.migration_lock)
    given = settings.master_key.get_secret_value() if settings.master_key else None
    vault = Vault(master_key(given, layout.master_key))
    loops = LoopSupervisor(OUTAGE)
    messaging = Messaging(
        settings.redis_url,
        layout.wakeup_socket,
        vault.fingerprint("relay"),
        vault.key_for("relay"),
        loops,
    )
    services = ServiceContext(
        database, vault, DatabaseClock(database), ZoneInfo(settings.timezone), messaging.wake
    )
    return Installation(settings, layout, services, messaging, loops)
