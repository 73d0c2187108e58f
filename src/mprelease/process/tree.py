"""Run a command, read its output line by line, and end its whole process tree."""

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

from mprelease.process import supervisor, supervisor_protocol
from mprelease.process.command import Command, order_of
from mprelease.process.limits import LimitName
from mprelease.process.line_splitter import LineSplitter
from mprelease.process.process_table import await_descendants, kill_descendants
from mprelease.process.throttle import Throttle

LineCallback = Callable[[str], None]

# Seconds after which a supervisor that should have ended its tree counts as stuck: the worker then
# ends the tree itself.
_FORCE_SECONDS = supervisor.GRACE + 2.0
_CHECK_SECONDS = 1.0  # interval at which that is checked
_CHUNK = 64 * 1024
_INSTALLED = str(Path(__file__).parents[2])
_LINE = 32  # bytes that a line counts in addition: an empty one costs work as well
_LIMITS = {
    supervisor_protocol.PROCESSES: LimitName.PROCESSES,
    supervisor_protocol.MEMORY: LimitName.MEMORY,
    supervisor_protocol.DISK: LimitName.DISK,
}


class SupervisorLost(Exception):
    """A supervisor has ended without a report: it was killed."""


class Stop:
    """A request to stop, passed from any thread to running work; only the first one counts."""

    def __init__(self) -> None:
        """Begin without a request."""
        self._lock = threading.Lock()
        self._reason: Exception | None = None
        self._callbacks: dict[object, Callable[[], None]] = {}

    def ask(self, reason: Exception) -> None:
        """Request the stop, and run the callbacks in this thread."""
        with self._lock:
            if self._reason:
                return
            self._reason = reason
            callbacks = tuple(self._callbacks.values())
        for callback in callbacks:
            callback()

    @property
    def reason(self) -> Exception | None:
        """Return the reason of the request; None without one."""
        return self._reason

    def raise_if_asked(self) -> None:
        """Raise the reason if a stop was requested."""
        if self._reason:
            raise self._reason

    def on_ask(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back once on the request, at once if there was one; return how to unregister."""
        key = object()
        with self._lock:
            if not self._reason:
                self._callbacks[key] = callback
                return lambda: self._unregister(key)
        callback()
        return lambda: None

    def _unregister(self, key: object) -> None:
        with self._lock:
            self._callbacks.pop(key, None)


@dataclass(frozen=True)
class Exit:
    """The end of a command.

    `code` is its exit code, 128 + n after signal n, 127 if it was not found, 126 if it could not be
    started (a line of output says why). `timed_out` and `stopped` mean that it was ended at its
    time limit or on request; `limit` is any other limit at which it was ended.
    """

    code: int
    timed_out: bool
    stopped: bool
    limit: LimitName | None = None


class Running:
    """A command started by `start`; its process tree ends no later than this process."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        channel: socket.socket,
        sources: Mapping[IO[bytes], LineSplitter],
        command: Command,
        stop: Stop,
    ) -> None:
        """Take a supervisor that has received its order; only called by `start`."""
        self._process = process
        self._channel = channel
        self._sources = sources
        self._reports: list[str] = []
        self._asked = False
        self._forced = False
        log = command.limits.log
        self._log_left = math.inf if log is None else log * supervisor_protocol.MEBI
        self._forced_at = time.monotonic() + command.time_limit + _FORCE_SECONDS
        self._failure: BaseException | None = None
        self._end_callbacks: list[Callable[[], None]] | None = []
        self._writing = threading.Lock()
        self._ending = threading.Lock()
        self._reader = threading.Thread(target=self._follow, name="lines", daemon=True)
        self._unregister_stop = stop.on_ask(self._end)
        self._reader.start()

    def send(self, line: str) -> None:
        """Write one line to standard input; ignored after its end."""
        self.write(line + "\n")

    def write(self, text: str) -> None:
        """Write text unchanged to standard input; ignored after its end."""
        stdin = _pipe(self._process.stdin)
        with self._writing, suppress(BrokenPipeError):
            if not stdin.closed:
                stdin.write(text.encode())
                stdin.flush()

    def close_input(self) -> None:
        """Close standard input; idempotent."""
        with self._writing, suppress(BrokenPipeError):
            _pipe(self._process.stdin).close()

    @property
    def has_ended(self) -> bool:
        """Return whether all processes of the tree have ended."""
        return not self._reader.is_alive()

    def limit(self, seconds: float) -> None:
        """Set a new time limit, in seconds from now."""
        with self._ending:
            if self._asked:
                return
            self._forced_at = time.monotonic() + seconds + _FORCE_SECONDS
            # The supervisor may have ended already.
            with suppress(OSError):
                self._channel.sendall(supervisor_protocol.new_limit(seconds))

    def on_end(self, callback: Callable[[], None]) -> None:
        """Call back once when `wait` no longer blocks, from another thread; at once if it is so."""
        with self._ending:
            if self._end_callbacks is not None:
                self._end_callbacks.append(callback)
                return
        callback()

    def wait(self) -> Exit:
        """Wait until all processes of the tree have ended and every line was delivered.

        Raise the exception of a listener, and SupervisorLost.
        """
        self._reader.join()
        if self._failure:
            raise self._failure
        if self._reports:
            return self._exit(supervisor_protocol.Report.of(self._reports[0]))
        if self._forced:
            cause = supervisor_protocol.ASKED if self._asked else supervisor_protocol.LIMIT
            return self._exit(supervisor_protocol.Report(128 + signal.SIGKILL, cause))
        raise SupervisorLost

    def _exit(self, report: supervisor_protocol.Report) -> Exit:
        if self._log_left < 0:
            return Exit(report.code, timed_out=False, stopped=False, limit=LimitName.LOG)
        return Exit(
            report.code,
            timed_out=report.cause == supervisor_protocol.LIMIT,
            stopped=report.cause == supervisor_protocol.ASKED,
            limit=_LIMITS.get(report.cause),
        )

    def _end(self) -> None:
        with self._ending:
            self._asked = True
            self._forced_at = min(self._forced_at, time.monotonic() + _FORCE_SECONDS)
            self._close_channel()

    def _close_channel(self) -> None:
        with suppress(OSError):
            self._channel.shutdown(socket.SHUT_WR)

    def _follow(self) -> None:
        try:
            self._read()
        except BaseException as failure:  # noqa: BLE001 (wait() raises it)
            self._failure = failure
        finally:
            self._clean_up()
            self._announce_end()

    def _announce_end(self) -> None:
        with self._ending:
            callbacks, self._end_callbacks = self._end_callbacks or (), None
        for callback in callbacks:
            callback()

    def _read(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(
                self._channel, selectors.EVENT_READ, LineSplitter(self._reports.append)
            )
            for source, lines in self._sources.items():
                selector.register(source, selectors.EVENT_READ, lines)
            throttle = Throttle()
            while self._read_once(selector):
                throttle.wait()
        for lines in self._sources.values():
            lines.end()

    def _read_once(self, selector: selectors.BaseSelector) -> bool:
        """Read the available output; return whether there may be more.

        After the end of the supervisor all output is in the pipes. Their end is not waited for,
        because a process outside of the tree may hold them open.
        """
        supervised = self._channel in selector.get_map()
        ready = selector.select(_CHECK_SECONDS if supervised else 0)
        for key, _ in ready:
            if (chunk := _read_chunk(key.fd)) and self._is_within_log_limit(key, chunk):
                key.data.feed(chunk)
            else:
                selector.unregister(key.fileobj)
        if supervised and time.monotonic() > self._forced_at:
            self._force()
        return supervised or bool(ready)

    def _is_within_log_limit(self, key: selectors.SelectorKey, chunk: bytes) -> bool:
        """Count output against the log's limit; end the tree when the limit is exceeded.

        Nothing more is read after that: further output is lost with the pipe.
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
        await_descendants(self._process.pid, _CHECK_SECONDS)
        self._process.kill()

    def _clean_up(self) -> None:
        self._unregister_stop()
        self._close_channel()
        try:
            self._process.wait(_FORCE_SECONDS)
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
    """Start a command under a supervisor; raise OSError if no process can be created.

    `on_line` gets each line of standard output and standard error in order of arrival, `on_event`
    each line that the command writes to file descriptor 3, which is open only with `on_event`. Both
    are called from one reader thread; the command blocks on a full pipe while they run. An
    exception in them ends the tree and is raised by `wait`.
    """
    channel, far_channel = socket.socketpair()
    with far_channel:
        process = _launch(far_channel, events=on_event is not None)
    _send_order(channel, command, events=on_event is not None)
    sources = {_pipe(process.stdout): LineSplitter(on_line)}
    if on_event:
        sources[_pipe(process.stderr)] = LineSplitter(on_event)
    return Running(process, channel, sources, command, stop)


def run(command: Command, *, stop: Stop, on_line: LineCallback, stdin: str = "") -> Exit:
    """Start a command, write its standard input, and wait for its end."""
    running = start(command, stop=stop, on_line=on_line)
    if stdin:
        running.write(stdin)
    running.close_input()
    return running.wait()


def _launch(far_channel: socket.socket, *, events: bool) -> subprocess.Popen[bytes]:
    descriptor = far_channel.fileno()
    # With events, standard error is the pipe for them: see supervisor_protocol.Order. No
    # environment: the command's variables must not affect the supervisor (LD_PRELOAD).
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
    # A supervisor that has died already is detected by the missing report.
    with suppress(BrokenPipeError):
        channel.sendall(order_of(command, events=events).packed())


def _read_chunk(descriptor: int) -> bytes:
    """Return the available bytes; empty at the end, or after the supervisor was killed."""
    with suppress(ConnectionResetError):
        return os.read(descriptor, _CHUNK)
    return b""


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    return cast("IO[bytes]", stream)
