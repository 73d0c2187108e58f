"""Wake-up calls of one data folder, without Redis: within the process, and through a socket file.

The process whose worker owns the folder receives the calls of others, a command line for example,
and looks for work at once. A call says that there may be work, and nothing else; a lost one delays
work until the next tick. Only the user of the folder, and root, can send one.
"""

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from mprelease.supervision import LoopSupervisor

_log = logging.getLogger(__name__)
_CALL = b"w"
_PRIVATE_FILE = 0o600
# Calls within it are handled as one, so that calls cannot keep a worker busy.
_REST_SECONDS = 0.05


class LocalDispatch:
    """Send and receive wake-up calls within this process and the other ones of its data folder."""

    def __init__(self, socket_file: Path, loops: LoopSupervisor | None = None) -> None:
        """Take the path of the socket file, which `listen` creates."""
        self._file = socket_file
        self._loops = loops or LoopSupervisor()
        self._labels: Sequence[str] = ()
        self._on_wakeup: Callable[[], bool] | None = None
        self._socket: socket.socket | None = None
        self._is_over = threading.Event()
        self._receiver: threading.Thread | None = None

    def wake(self, label: str) -> None:
        """Wake the worker of the data folder; returns at once and never raises."""
        if self._on_wakeup is None:
            self._call()
        elif label in self._labels:
            self._on_wakeup()

    def listen(self, labels: Sequence[str], on_wakeup: Callable[[], bool]) -> None:
        """Call `on_wakeup` for each call to these labels, and for each call of other processes.

        Only for the owner of the data folder.
        """
        self._labels, self._on_wakeup = labels, on_wakeup
        try:
            self._socket = self._bound()
        except OSError as error:
            _log.warning("no wake-up calls of other processes, their work waits: %s", error)
            return
        self._receiver = self._loops.thread(
            "wake-up calls", self._receive, self._is_over, daemon=True
        )

    def close(self) -> None:
        """Stop receiving calls."""
        self._is_over.set()
        if self._socket and self._receiver:
            self._socket.shutdown(socket.SHUT_RDWR)
            self._receiver.join()
            self._socket.close()

    def _receive(self) -> None:
        assert self._socket
        assert self._on_wakeup
        self._socket.recv(len(_CALL))
        if self._is_over.is_set():
            return
        with suppress(BlockingIOError):
            while self._socket.recv(len(_CALL), socket.MSG_DONTWAIT):
                pass
        self._on_wakeup()
        self._is_over.wait(_REST_SECONDS)

    def _call(self) -> None:
        with suppress(OSError), _short(self._file) as address, _datagrams() as sender:
            # Without a listener no call is needed; if the queue is full, one was called already.
            sender.sendto(_CALL, socket.MSG_DONTWAIT, address)

    def _bound(self) -> socket.socket:
        receiver = _datagrams()
        try:
            with _short(self._file) as address:
                self._file.unlink(missing_ok=True)
                # Before `bind`, so that the file never has another mode.
                os.fchmod(receiver.fileno(), _PRIVATE_FILE)
                receiver.bind(address)
        except OSError:
            receiver.close()
            raise
        return receiver


def _datagrams() -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)


@contextmanager
def _short(file: Path) -> Iterator[str]:
    """Yield an address of a socket file: its path may be longer than the 108 bytes of addresses."""
    folder = os.open(file.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{file.name}"
    finally:
        os.close(folder)
