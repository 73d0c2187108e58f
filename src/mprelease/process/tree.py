"""Run a command with all that it starts, hear it line by line, and end it as a whole."""

import math
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from mprelease.process import order, supervisor
from mprelease.process.command import Command
from mprelease.process.limits import LimitName
from mprelease.process.lines import Lines
from mprelease.process.process_table import await_descendants, kill_descendants
from mprelease.process.throttle import Throttle

LineCallback = Callable[[str], None]

# Seconds after which a supervisor that should have ended its tree is believed to be stuck: the
# worker then ends the tree by itself.
_MERCY = supervisor.GRACE + 2.0
_LOOK = 1.0  # seconds between two looks at that
_CHUNK = 64 * 1024
_INSTALLED = str(Path(__file__).parents[2])
_LINE = 32  # bytes that a line counts in addition: an empty one is work as well
_LIMITS = {
    order.PROCESSES: LimitName.PROCESSES,
    order.MEMORY: LimitName.MEMORY,
    order.DISK: LimitName.DISK,
}


class SupervisorLost(Exception):
    """A supervisor ended without a report: somebody has killed it."""


class Stop:
    """Carry the wish to end from any thread to whatever runs; only the first one counts."""

    def __init__(self) -> None:
        """Begin without a wish."""
        self._lock = threading.Lock()
        self._reason: Exception | None = None
        self._callbacks: dict[object, Callable[[], None]] = {}

    def ask(self, reason: Exception) -> None:
        """Ask for the end, and run the callbacks in this thread."""
        with self._lock:
            if self._reason:
                return
            self._reason = reason
            callbacks = tuple(self._callbacks.values())
        for callback in callbacks:
            callback()

    @property
    def reason(self) -> Exception | None:
        """Return why the end was asked for; None while it was not."""
        return self._reason

    def raise_if_asked(self) -> None:
        """Raise the reason, once there is one."""
        if self._reason:
            raise self._reason

    def on_ask(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back once when asked, at once if that was before; return how to be forgotten."""
        key = object()
        with self._lock:
            if not self._reason:
                self._callbacks[key] = callback
                return lambda: self._forget(key)
        callback()
        return lambda: None

    def _forget(self, key: object) -> None:
        with self._lock:
            self._callbacks.pop(key, None)


@dataclass(frozen=True)
class Exit:
    """Tell how a command ended.

    `code` is its exit code, 128 + n when signal n ended it, 127 when it was not found, 126 when it
    could not be started (a line says why). `timed_out` and `stopped` say that we ended it: at the
    time limit, or because that was asked for; `limit` is another limit for which we ended it.
    """

    code: int
    timed_out: bool
    stopped: bool
    limit: LimitName | None = None


class Running:
    """A command that `start` has started; its tree ends with this process at the latest."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        channel: socket.socket,
        sources: Mapping[IO[bytes], Lines],
        command: Command,
        stop: Stop,
    ) -> None:
        """Take over a supervisor that has its order; `start` is the way to get one."""
        self._process = process
        self._channel = channel
        self._sources = sources
        self._reports: list[str] = []
        self._asked = False
        self._forced = False
        log = command.limits.log
        self._log_left = math.inf if log is None else log * order.MEBI
        self._forced_at = time.monotonic() + command.time_limit + _MERCY
        self._failure: BaseException | None = None
        self._writing = threading.Lock()
        self._ending = threading.Lock()
        self._reader = threading.Thread(target=self._follow, name="lines", daemon=True)
        self._forget_stop = stop.on_ask(self._end)
        self._reader.start()

    def send(self, line: str) -> None:
        """Write one line to standard input; silent when nobody reads it any more."""
        self.write(line + "\n")

    def write(self, text: str) -> None:
        """Write text as it stands to standard input; silent when nobody reads it any more."""
        stdin = _pipe(self._process.stdin)
        with self._writing, suppress(BrokenPipeError):
            if not stdin.closed:
                stdin.write(text.encode())
                stdin.flush()

    def close_input(self) -> None:
        """End standard input; more than once is harmless."""
        with self._writing, suppress(BrokenPipeError):
            _pipe(self._process.stdin).close()

    @property
    def has_ended(self) -> bool:
        """Tell whether no process of the tree lives any more."""
        return not self._reader.is_alive()

    def limit(self, seconds: float) -> None:
        """Give the command so many seconds from now on, instead of what it had before."""
        with self._ending:
            if self._asked:
                return
            self._forced_at = time.monotonic() + seconds + _MERCY
            # A supervisor that has ended needs no limit.
            with suppress(OSError):
                self._channel.sendall(order.new_limit(seconds))

    def wait(self) -> Exit:
        """Return when no process of the tree lives and every line was delivered.

        Raises what a listener has raised, and SupervisorLost.
        """
        self._reader.join()
        if self._failure:
            raise self._failure
        if self._reports:
            return self._exit(order.Report.of(self._reports[0]))
        if self._forced:
            cause = order.ASKED if self._asked else order.LIMIT
            return self._exit(order.Report(128 + signal.SIGKILL, cause))
        raise SupervisorLost

    def _exit(self, report: order.Report) -> Exit:
        if self._log_left < 0:
            return Exit(report.code, timed_out=False, stopped=False, limit=LimitName.LOG)
        return Exit(
            report.code,
            timed_out=report.cause == order.LIMIT,
            stopped=report.cause == order.ASKED,
            limit=_LIMITS.get(report.cause),
        )

    def _end(self) -> None:
        with self._ending:
            self._asked = True
            self._forced_at = min(self._forced_at, time.monotonic() + _MERCY)
            self._hang_up()

    def _hang_up(self) -> None:
        with suppress(OSError):
            self._channel.shutdown(socket.SHUT_WR)

    def _follow(self) -> None:
        try:
            self._read()
        except BaseException as failure:  # noqa: BLE001 (wait() raises it)
            self._failure = failure
        finally:
            self._clean_up()

    def _read(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._channel, selectors.EVENT_READ, Lines(self._reports.append))
            for source, lines in self._sources.items():
                selector.register(source, selectors.EVENT_READ, lines)
            pace = Throttle()
            while self._read_once(selector):
                pace.wait()
        for lines in self._sources.values():
            lines.end()

    def _read_once(self, selector: selectors.BaseSelector) -> bool:
        """Tell whether more may come.

        Once the supervisor is gone, whatever was written lies in the pipes. Their ends are not
        waited for: somebody outside of the tree might hold them open.
        """
        supervised = self._channel in selector.get_map()
        ready = selector.select(_LOOK if supervised else 0)
        for key, _ in ready:
            if (chunk := _read_chunk(key.fd)) and self._may_say(key, chunk):
                key.data.feed(chunk)
            else:
                selector.unregister(key.fileobj)
        if supervised and time.monotonic() > self._forced_at:
            self._force()
        return supervised or bool(ready)

    def _may_say(self, key: selectors.SelectorKey, chunk: bytes) -> bool:
        """Tell whether the log's limit leaves room for what was read; end the tree if it does not.

        Nothing more is read then: it waits in the pipe until it is forgotten.
        """
        if key.fileobj is self._channel:
            return True
        self._log_left -= len(chunk) + _LINE * (chunk.count(b"\n") + chunk.count(b"\r"))
        if self._log_left < 0:
            self._end()
        return self._log_left >= 0

    def _force(self) -> None:
        self._forced = True
        kill_descendants(self._process.pid)
        await_descendants(self._process.pid, _LOOK)
        self._process.kill()

    def _clean_up(self) -> None:
        self._forget_stop()
        self._hang_up()
        try:
            self._process.wait(_MERCY)
        except subprocess.TimeoutExpired:
            self._force()
            self._process.wait()
        self.close_input()
        self._channel.close()
        for source in self._sources:
            source.close()


def start(
    command: Command, *, stop: Stop, on_line: LineCallback, on_event: LineCallback | None = None
) -> Running:
    """Start a command under a supervisor; raise OSError when the machine has no room for it.

    `on_line` gets each line of standard output and standard error, in the order of arrival,
    `on_event` each line that the command writes to file descriptor 3, which exists only then. Both
    are called from one reader thread, and hold the command up while they take their time; what
    they raise ends the tree and is raised by `wait`.
    """
    channel, far_channel = socket.socketpair()
    with far_channel:
        process = _launch(far_channel, events=on_event is not None)
    _send_order(channel, command, events=on_event is not None)
    sources = {_pipe(process.stdout): Lines(on_line)}
    if on_event:
        sources[_pipe(process.stderr)] = Lines(on_event)
    return Running(process, channel, sources, command, stop)


def run(command: Command, *, stop: Stop, on_line: LineCallback, stdin: str = "") -> Exit:
    """Start a command, give it its standard input as it stands, and wait for its end."""
    running = start(command, stop=stop, on_line=on_line)
    if stdin:
        running.write(stdin)
    running.close_input()
    return running.wait()


def _launch(far_channel: socket.socket, *, events: bool) -> subprocess.Popen[bytes]:
    descriptor = far_channel.fileno()
    # With events, standard error is the pipe for them: see order.Order. The environment is empty,
    # for what the command gets must not steer our own program (LD_PRELOAD).
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", supervisor.PROGRAM, _INSTALLED, str(descriptor)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if events else subprocess.STDOUT,
        pass_fds=(descriptor,),
        cwd="/",
        env={},
        start_new_session=True,
    )


def _send_order(channel: socket.socket, command: Command, *, events: bool) -> None:
    sent = order.Order(
        # marshal takes plain strings alone, no members of a StrEnum.
        arguments=[str(each) for each in command.arguments],
        folder=str(command.folder),
        environment={name: str(value) for name, value in command.environment.items()},
        time_limit=command.time_limit,
        user=command.user,
        events=events,
        processes=command.limits.processes,
        memory=command.limits.memory,
        disk=command.limits.disk,
        disk_folders=[str(each) for each in command.disk_folders],
        niceness=command.limits.niceness,
        expendable=command.expendable,
        sweep_user=command.sweep_user,
        scoped=command.scoped,
    )
    # A supervisor that has died at once is noticed by the missing report.
    with suppress(BrokenPipeError):
        channel.sendall(sent.packed())


def _read_chunk(descriptor: int) -> bytes:
    """Read what is there; nothing at the end, or when the supervisor was killed unread."""
    with suppress(ConnectionResetError):
        return os.read(descriptor, _CHUNK)
    return b""


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    return cast("IO[bytes]", stream)
