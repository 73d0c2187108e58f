"""Temporary MariaDB, PostgreSQL and Redis servers on 127.0.0.1, from this machine's binaries.

Each is a context manager that yields a running `Server` and removes its data at the end:

    with mariadb() as server:
        url = server.new_database()
        server.kill()      # with SIGKILL, like a crash
        server.restart()   # on the same port, with the same data

A server is killed when the thread that started it ends. Committed data survives `kill()`, but not
a power failure: syncing to disk is disabled, which makes tests fast.
"""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import redis
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

_DEADLINE = 60.0
_USER = "mprelease"
_SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/usr/bin")

REMEDIES = {
    "mariadb": "apt-get install -y --no-install-recommends mariadb-server",
    "postgresql": "apt-get install -y --no-install-recommends postgresql",
    "redis": "apt-get install -y --no-install-recommends redis-server",
}


@dataclass
class Address:
    """A server that is not managed here; only databases are created on it."""

    url: str

    def new_database(self) -> str:
        """Create an empty database, and return its URL."""
        name = f"mprelease_{secrets.token_hex(6)}"
        # With the server's default charset: mprelease must not depend on it.
        self.run(f"CREATE DATABASE {name}")
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def drop_database(self, url: str) -> None:
        """Drop a database of `new_database`."""
        force = " WITH (FORCE)" if url.startswith("postgres") else ""
        self.run(f"DROP DATABASE {make_url(url).database}{force}")

    def run(self, statement: str) -> None:
        """Run one statement as the server's administrator."""
        engine = create_engine(driver_url(self.url), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()


@dataclass
class Server(Address):
    """A server that is started and stopped here."""

    command: Sequence[str]
    answers: Callable[[str], bool]
    # The user that the command runs as; None for the current one.
    user: str | None
    log: Path
    stop_signal: signal.Signals
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    @property
    def pid(self) -> int:
        """Return the process id; it changes with a restart."""
        assert self._process
        return self._process.pid

    @property
    def port(self) -> int:
        """Return the port on 127.0.0.1, which stays the same after a restart."""
        port = make_url(self.url).port
        assert port
        return port

    def start(self) -> None:
        """Start the server, and wait until it answers; raise TimeoutError."""
        deadline = time.monotonic() + _DEADLINE
        self._spawn()
        while not self.answers(self.url):
            # After a kill, child processes of the former server may still lock the folder.
            if self._process and self._process.poll() is not None:
                self._spawn()
            if time.monotonic() > deadline:
                words = self.log.read_text(errors="replace")[-4000:]
                raise TimeoutError(f"{self.command[0]} does not answer:\n{words}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server gracefully."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """Stop the server with SIGKILL, like a crash."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Kill the server if it runs, and start it on the same port with the same data."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """Suspend the server: connections stay open, but get no response."""
        for pid in self._pids():
            with suppress(ProcessLookupError):  # a child may have ended
                os.kill(pid, signal.SIGSTOP)
                _wait_until_stopped(pid)

    def resume(self) -> None:
        """Continue after `pause`."""
        for pid in self._pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def _pids(self) -> list[int]:
        """Return the server's process id, and those of its children (PostgreSQL's connections)."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [self.pid, *map(int, children.split())]

    def _spawn(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*_as_user(self.user), *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )

    def _end(self, how: signal.Signals) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        os.kill(self.pid, how)
        self.resume()
        try:
            self._process.wait(_DEADLINE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def driver_url(url: str) -> str:
    """Return a URL of SQLAlchemy with the database driver that mprelease uses."""
    scheme, rest = url.split("://", 1)
    names = {"mysql": "mysql+pymysql", "mariadb": "mysql+pymysql", "postgres": "postgresql+psycopg"}
    return f"{names.get(scheme, 'postgresql+psycopg')}://{rest}"


def lacking(kind: str) -> bool:
    """Return whether this machine has no binaries of a kind of server."""
    if kind == "redis":
        return _program("redis-server") is None
    return (_mariadbd() if kind == "mariadb" else _initdb()) is None


@contextmanager
def mariadb(folder: Path | None = None) -> Iterator[Server]:
    """Run a MariaDB server below `folder`, which other users must be able to traverse."""
    with _place(folder, "mysql") as (place, user):
        password, port = secrets.token_hex(8), _free_port()
        start = place / "start.sql"
        start.write_text(
            f"CREATE OR REPLACE USER {_USER}@'%' IDENTIFIED BY '{password}';\n"
            f"GRANT ALL ON *.* TO {_USER}@'%' WITH GRANT OPTION;\n"
        )
        # Starting servers remove what others have in a shared temporary folder.
        data = ("--no-defaults", f"--datadir={place / 'data'}", f"--tmpdir={place}")
        _make(user, "mariadb-install-db", *data, "--skip-test-db", "--skip-name-resolve")
        command = (
            _found(_mariadbd()),
            *data,
            "--skip-name-resolve",
            f"--init-file={start}",
            f"--socket={place / 's'}",
            f"--pid-file={place / 'pid'}",
            f"--port={port}",
            "--bind-address=127.0.0.1",
            # All other settings have their defaults, max_allowed_packet in particular.
            "--innodb-flush-log-at-trx-commit=2",
            *("--innodb-log-file-size=32M", "--innodb-buffer-pool-size=64M"),
            "--innodb-fast-shutdown=2",
        )
        url = f"mysql://{_USER}:{password}@127.0.0.1:{port}/"
        log = place / "log"
        with _running(Server(url, command, _takes_sql, user, log, signal.SIGTERM)) as server:
            yield server


@contextmanager
def postgresql(folder: Path | None = None) -> Iterator[Server]:
    """Run a PostgreSQL server below `folder`, which other users must be able to traverse."""
    with _place(folder, "postgres") as (place, user):
        password, port = secrets.token_hex(8), _free_port()
        initdb = Path(_found(_initdb()))
        (place / "password").write_text(password)
        made = ("--pgdata", f"{place / 'data'}", "--no-sync", "--auth=scram-sha-256")
        words = (f"--username={_USER}", f"--pwfile={place / 'password'}")
        _make(user, str(initdb), *made, *words, "--encoding=UTF8", "--locale=C.UTF-8")
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
            "fsync": "off",
            "full_page_writes": "off",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = (str(initdb.with_name("postgres")), "-D", f"{place / 'data'}", *options)
        url = f"postgresql://{_USER}:{password}@127.0.0.1:{port}/postgres"
        log = place / "log"
        with _running(Server(url, command, _takes_sql, user, log, signal.SIGINT)) as server:
            yield server


@contextmanager
def redis_server(folder: Path | None = None) -> Iterator[Server]:
    """Run a Redis server without persistence."""
    with _place(folder, "redis") as (place, user):
        password, port = secrets.token_hex(8), _free_port()
        command = (
            _found(_program("redis-server")),
            *("--port", str(port), "--bind", "127.0.0.1", "--dir", str(place)),
            *("--save", "", "--appendonly", "no", "--requirepass", password),
        )
        url = f"redis://:{password}@127.0.0.1:{port}/0"
        log = place / "log"
        with _running(Server(url, command, _takes_pings, user, log, signal.SIGTERM)) as server:
            yield server


@contextmanager
def _running(server: Server) -> Iterator[Server]:
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def _place(folder: Path | None, account: str) -> Iterator[tuple[Path, str | None]]:
    """Yield a temporary folder, owned by the user under which the server will run."""
    user = _unprivileged(account)
    place = Path(tempfile.mkdtemp(prefix="mprelease-", dir=folder))
    try:
        if user:
            shutil.chown(place, user)
        yield place, user
    finally:
        with suppress(OSError):
            shutil.rmtree(place)


def _unprivileged(account: str) -> str | None:
    """Return the user for a server that refuses to run as root: its own, or `nobody`."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return account if account in known else "nobody"


def _as_user(user: str | None) -> list[str]:
    # The kernel kills the server when this thread ends for any reason, even while it is paused.
    words = ["setpriv", "--pdeathsig", "KILL"]
    if user is None:
        return words
    entry = pwd.getpwnam(user)
    return [*words, f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]


def _make(user: str | None, *command: str) -> None:
    made = subprocess.run(
        [*_as_user(user), *command],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=_DEADLINE,
    )
    if made.returncode != 0:
        raise RuntimeError(f"{command[0]} failed:\n{made.stdout}\n{made.stderr}")


def _wait_until_stopped(pid: int) -> None:
    """Wait for every thread of `pid`: one that runs obeys SIGSTOP a moment later."""
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        with suppress(OSError):  # a thread may have ended
            while "(stopped)" not in status.read_text():
                time.sleep(0.001)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _takes_sql(url: str) -> bool:
    try:
        Address(url).run("SELECT 1")
    except DBAPIError:
        return False
    return True


def _takes_pings(url: str) -> bool:
    try:
        with redis.Redis.from_url(url) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def _mariadbd() -> str | None:
    return _program("mariadbd") if _program("mariadb-install-db") else None


def _initdb() -> str | None:
    # Debian keeps every version in a folder of its own, outside of PATH.
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(versions, key=lambda file: int(file.parts[-3]), default=None)
    return str(newest) if newest else _program("initdb")


def _program(name: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), *_SYSTEM_FOLDERS)))


def _found(program: str | None) -> str:
    assert program, "call `lacking` first"
    return program
