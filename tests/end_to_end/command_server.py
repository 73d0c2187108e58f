"""Run commands of mprelease in forks of one process that has loaded it.

A command that is started as a program spends most of its processor time on loading modules.
`CommandLine.start` starts such a program; `CommandLine.run` sends the command to this process, and
waits for its end; `CommandLine.fork` does not wait.
"""

import atexit
import ctypes
import functools
import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

import mprelease
from forked_program import ForkedProgram, Pipes
from mprelease.cli import main

_LOADING_SECONDS = 240  # on a busy machine
_PR_SET_DUMPABLE = 4
_WATCHERS: list[int] = []
_KEPT = ("PATH", "LANG", "PYTHONPYCACHEPREFIX")


@dataclass(frozen=True)
class Request:
    """A command, the folder where it runs, and its user."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    folder: str
    user: int | None


@dataclass(frozen=True)
class CommandServer:
    """The process that forks, one command at a time."""

    process: "subprocess.Popen[str]"
    folder: Path
    turn: threading.Lock = field(default_factory=threading.Lock)

    def run(self, request: Request, seconds: float) -> tuple[int, str, str]:
        """Run a command to its end; return its exit code, negative for a signal, and its words."""
        with self.turn, tempfile.TemporaryDirectory(dir=self.folder) as place:
            files = [Path(place) / name for name in ("out", "err")]
            self._send(asdict(request) | {"files": [str(file) for file in files]})
            pid = 0
            try:
                pid = self._number(_LOADING_SECONDS)
                code = self._number(seconds)
            except BaseException:
                # Its own time limit, or the test's: the next command must not read its answers.
                os.kill(pid or self._number(_LOADING_SECONDS), signal.SIGKILL)
                self._number(60)
                raise
            out, err = (file.read_text(encoding="utf-8") for file in files)
        return code, out, err

    def start(self, request: Request) -> ForkedProgram:
        """Start a command that runs beside the test."""
        pipes = Pipes.made()
        with self.turn:
            self._send(asdict(request) | {"files": pipes.files})
            pid = self._number(_LOADING_SECONDS)
        pipes.close_writing()
        return ForkedProgram(pid, pipes)

    def _send(self, line: Mapping[str, Any]) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()

    def _number(self, seconds: float) -> int:
        stream = self.process.stdout
        assert stream
        line = b""
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            # Byte by byte: a buffer would take the next answer along, of which nothing is selected.
            while not line.endswith(b"\n"):
                if not selector.select(seconds):
                    raise TimeoutError(f"no end after {seconds} s")
                byte = os.read(stream.fileno(), 1)
                assert byte, "the process that forks has ended"
                line += byte
        return int(line)


@contextmanager
def command_server(folder: Path) -> Iterator[CommandServer]:
    process = subprocess.Popen(
        [sys.executable, __file__],
        # The words of the command line are chosen when it is loaded, from what `make` has compiled.
        env={name: os.environ[name] for name in _KEPT if name in os.environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    with process:
        yield CommandServer(process, folder)
        assert process.stdin
        process.stdin.close()


def _load() -> None:
    """Import what commands import."""
    for module in pkgutil.walk_packages(mprelease.__path__, "mprelease."):
        if not module.name.endswith((".__main__", ".env")) and ".versions." not in module.name:
            importlib.import_module(module.name)
    with tempfile.TemporaryDirectory() as folder:
        _prepare(Path(folder))
    # Nothing of this is ever freed: no copy of a page is needed only to count references.
    gc.freeze()


def _prepare(folder: Path) -> None:
    """Build the parser of the command line, and compile the statements that commands execute."""
    # Only here: the tests import this module, too.
    sys.path.append(str(Path(__file__).parents[1]))
    import typer.main

    from mprelease.cli import commands
    from mprelease.security.vault import Vault
    from mprelease.services.context import ServiceContext
    from mprelease.simulator.keys import make_key
    from mprelease.storage import engines
    from mprelease.storage.database import Database, sqlite_url
    from mprelease.storage.tables import metadata
    from quick_databases import sharing
    from sample_data import add_sample_data

    typer.main.get_command = functools.cache(typer.main.get_command)
    typer.main.get_command(commands())
    engines.create_engine = sharing()
    database = Database(sqlite_url(folder / "sample.db"))
    with database.writing() as db:
        metadata.create_all(db.connection)
    services = ServiceContext(database, Vault(bytes(32)), lambda: 1, ZoneInfo("Asia/Shanghai"))
    add_sample_data(services, make_key(1024))
    database.close()


def _serve() -> None:
    """Fork for each line of standard input, and answer with its process id and its exit code."""
    requests = os.fdopen(os.dup(0), closefd=True)
    answers = os.fdopen(os.dup(1), "w")
    for line in requests:
        request = json.loads(line)
        if len(request["files"]) > 2:
            answers.write(f"{_start(request)}\n")
            answers.flush()
            continue
        pid = os.fork()
        if pid == 0:
            _become(request)
        answers.write(f"{pid}\n")
        answers.flush()
        _, status = os.waitpid(pid, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
        answers.flush()


def _start(request: Mapping[str, Any]) -> int:
    """Fork a command, and a process that waits for its end; return the command's process id."""
    reading, writing = os.pipe()
    watcher = os.fork()
    if watcher == 0:
        # Opened before the test gets the process id, and closes its ends.
        *files, status = (os.open(file, os.O_WRONLY) for file in request["files"])
        pid = os.fork()
        if pid == 0:
            _become({**request, "files": [f"/proc/self/fd/{file}" for file in files]})
        for file in files:
            os.close(file)
        os.write(writing, f"{pid}".encode())
        _, ended = os.waitpid(pid, 0)
        # The test may have closed its end.
        with suppress(OSError):
            os.write(status, f"{os.waitstatus_to_exitcode(ended)}".encode())
        os._exit(0)
    os.close(writing)
    pid = int(os.read(reading, 20))
    os.close(reading)
    _WATCHERS.append(watcher)
    _WATCHERS[:] = [each for each in _WATCHERS if os.waitpid(each, os.WNOHANG) == (0, 0)]
    return pid


def _become(request: Mapping[str, Any]) -> NoReturn:
    """Be the process that the command would have had, and run it."""
    os.setsid()
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, file in enumerate(request["files"], start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), number)
    os.closerange(3, 64)
    # Those of this process would take a pipe for the file that they were made for.
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)
    if (user := request["user"]) is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        # As after the start of a program: a process of another user cannot read its own /proc.
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
    sys.argv = ["mprelease", *request["arguments"]]
    try:
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 as the end of a program
        traceback.print_exc()
        code = 1
    _end(code)


def _end(code: int) -> NoReturn:
    """End as Python does, but without taking apart what was loaded: that takes as long again."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _load()
    _serve()
