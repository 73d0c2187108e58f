"""SQLAlchemy engines for SQLite, MySQL/MariaDB and PostgreSQL: drivers, timeouts, pools."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Dialect, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.exc import ArgumentError, DataError
from sqlalchemy.pool import ConnectionPoolEntry

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem

if TYPE_CHECKING:
    from mprelease.storage.postgresql import BoundedConnection

_DRIVERS = {
    "sqlite": "sqlite",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
}
# A connection for each thread of a busy node, and more for peaks; times in seconds.
_POOL = {"pool_size": 10, "max_overflow": 20, "pool_timeout": 10, "pool_recycle": 1800}


@dataclass(frozen=True)
class Timeouts:
    """Timeouts in seconds: for connecting, locks, answers, and idle transactions.

    For holders of a lease their sum is below its duration (`timeouts_for`), so that a database that
    hangs is noticed before the lease ends.
    """

    connect: int = 5
    lock: int = 10
    answer: int = 12
    # For SQLite's lock of the whole file; None means the same as `lock`.
    file: int | None = None
    # A node that hangs in a transaction must not lock its rows for others.
    idle: int = 20

    @property
    def file_lock(self) -> int:
        """Return how many seconds to wait for SQLite's lock."""
        return self.lock if self.file is None else self.file


_NORMAL_LEASE = 30


def timeouts_for(lease: int) -> Timeouts:
    """Return timeouts for the holder of a lease of so many seconds: at most the defaults."""
    normal, part = Timeouts(), min(1.0, lease / _NORMAL_LEASE)

    def scaled(seconds: int) -> int:
        return max(1, int(part * seconds))

    return Timeouts(
        connect=scaled(normal.connect),
        lock=scaled(normal.lock),
        answer=scaled(normal.answer),
        idle=scaled(normal.idle),
    )


# Many commands at the same time get SQLite's lock one after the other.
NORMAL = Timeouts(file=30)
NO_TIMEOUT = Timeouts(connect=30, lock=600, answer=36_000, idle=36_000)
# The server aborts a statement first; the client gives up only if the server is silent, too.
_GRACE_SECONDS = 2


def parsed(url: str | URL) -> URL:
    """Parse a URL and set its driver; raise Refused(DATABASE_ADDRESS), which shows no password."""
    try:
        made = make_url(url)
        driver = _DRIVERS[made.drivername.partition("+")[0]]
    except (ArgumentError, ValueError, KeyError):
        raise Refused(Problem.DATABASE_ADDRESS) from None
    if "@" in (made.host or ""):  # A part of a password, which connection errors would show.
        raise Refused(Problem.DATABASE_ADDRESS)
    return made.set(drivername=driver)


def sqlite(url: URL, timeouts: Timeouts, begin: str) -> Engine:
    """Return an engine whose transactions begin with the given statement."""
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": timeouts.file_lock})

    @event.listens_for(engine, "connect")
    def _prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        # The driver must not start transactions itself: it would do so late, without IMMEDIATE.
        connection.isolation_level = None
        cursor = connection.cursor()
        # Free pages can be returned to the disk. Only of use, and only free of waiting for others
        # who write, in a file that is still empty.
        if cursor.execute("PRAGMA page_count").fetchone() == (0,):
            cursor.execute("PRAGMA auto_vacuum = INCREMENTAL")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "handle_error")
    def _raise_data_error(context: ExceptionContext) -> None:
        # sqlite3 raises OverflowError for integers of more than 64 bits; the servers' drivers
        # raise a DatabaseError.
        if isinstance(context.original_exception, OverflowError):
            raise DataError(context.statement, None, context.original_exception)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def server(url: URL, timeouts: Timeouts) -> Engine:
    """Return an engine with a pool of connections for all threads of this process."""
    return _server(url, timeouts, pool_pre_ping=True, **_POOL)


def unpooled(url: URL, timeouts: Timeouts) -> Engine:
    """Return an engine without a pool: each use opens and closes a connection."""
    return _server(url, timeouts, poolclass=NullPool)


def _server(url: URL, timeouts: Timeouts, **pool: Any) -> Engine:
    is_mysql = url.get_backend_name() == "mysql"
    arguments = _mysql(url, timeouts) if is_mysql else _postgresql(url, timeouts)
    engine = create_engine(
        url,
        # MySQL's default (REPEATABLE READ) reads from an old snapshot and locks gaps between rows.
        isolation_level="READ COMMITTED",
        hide_parameters=True,
        connect_args=arguments,
        **pool,
    )
    if is_mysql:
        _refuse_unknown_parameters(engine)
    else:
        _bound_waits(engine, timeouts)
    return engine


def _mysql(url: URL, timeouts: Timeouts) -> dict[str, Any]:
    """Return PyMySQL's arguments; timeouts in the URL override ours."""
    session = (
        # UTC: in a zone with summer time one hour of the year would be ambiguous.
        f"SET SESSION time_zone = '+00:00', innodb_lock_wait_timeout = {timeouts.lock}, "
        f"lock_wait_timeout = {timeouts.lock} /*M!100301 , max_statement_time = {timeouts.answer}, "
        f"idle_write_transaction_timeout = {timeouts.idle} */"  # MariaDB only
    )
    limits = {
        "connect_timeout": timeouts.connect,
        "read_timeout": timeouts.answer + _GRACE_SECONDS,
        "write_timeout": timeouts.answer + _GRACE_SECONDS,
        "init_command": session,
    }
    given = {name: value for name, value in limits.items() if name not in url.query}
    # Independent of the server's configuration, a value that is too long is an error, not cut off.
    mode = "STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION"
    return given | {"charset": "utf8mb4", "sql_mode": mode}


def _postgresql(url: URL, timeouts: Timeouts) -> dict[str, Any]:
    """Return psycopg's arguments; those in the URL override ours."""
    session = {
        "lock_timeout": timeouts.lock,
        "statement_timeout": timeouts.answer,
        "idle_in_transaction_session_timeout": timeouts.idle,
    }
    silence = (timeouts.answer + _GRACE_SECONDS) * 1000
    limits: dict[str, Any] = {
        "connect_timeout": timeouts.connect,
        "tcp_user_timeout": silence,
        "keepalives_idle": 30,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "application_name": "mprelease",
        "options": " ".join(f"-c {name}={seconds}s" for name, seconds in session.items()),
    }
    return {name: value for name, value in limits.items() if name not in url.query}


def _refuse_unknown_parameters(engine: Engine) -> None:
    @event.listens_for(engine, "do_connect")
    def _connect(
        dialect: Dialect, _: ConnectionPoolEntry, arguments: list[Any], named: dict[str, Any]
    ) -> DBAPIConnection:
        try:
            return dialect.connect(*arguments, **named)
        except TypeError as error:  # raised by the driver for an unknown argument
            raise Refused(Problem.DATABASE_UNUSABLE, detail=str(error)) from None


def _bound_waits(engine: Engine, timeouts: Timeouts) -> None:
    @event.listens_for(engine, "do_connect")
    def _connect(
        _: Dialect, __: ConnectionPoolEntry, arguments: list[Any], named: dict[str, Any]
    ) -> "BoundedConnection":
        # Importing the driver takes a third of a second; it is not needed for SQLite.
        from mprelease.storage.postgresql import BoundedConnection  # noqa: PLC0415

        connection = BoundedConnection.connect(*arguments, **named)
        connection.answer_seconds = timeouts.answer + _GRACE_SECONDS
        return connection
