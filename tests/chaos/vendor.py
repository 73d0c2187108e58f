"""The platform's side: it counts what arrives, in the one process that is never killed."""

import json
import socketserver
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, Self


@dataclass(frozen=True)
class Entry:
    """One upload or preview that arrived; `at` in ms since the epoch."""

    key: str
    kind: str
    app_id: str
    version: str
    at: int


class Vendor(Protocol):
    """A platform: what workers need for it, and what it has got.

    `environment` is added to the workers', `repository` is what is released, `ref` from where
    (None: a branch of its own for each).
    """

    environment: Mapping[str, str]
    repository: str
    ref: str | None

    @property
    def worker(self) -> Sequence[str]:
        """Name the module to start, and its arguments."""

    @property
    def entries(self) -> Sequence[Entry]:
        """Return what has arrived so far, in order."""

    def register(self, app_id: str, upload_key: str) -> None:
        """Make an app known."""


def has_upload(vendor: Vendor, key: str) -> bool:
    """Return whether an upload with this key has arrived."""
    return any((one.key, one.kind) == (key, "upload") for one in vendor.entries)


class LightVendor:
    """Listen on loopback; a complete line has arrived, even if the answer cannot be sent."""

    environment: Mapping[str, str] = {}
    repository = "/srv/web.git"
    ref: str | None = None

    def __init__(self, file: Path) -> None:
        """Keep a copy of the ledger in a file."""
        self._file = file
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._server = _Server(("127.0.0.1", 0), _Call)
        self._server.vendor = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def worker(self) -> Sequence[str]:
        """Name the worker with light stages, and our port."""
        return ("chaos.worker", str(self._server.server_address[1]))

    @property
    def entries(self) -> list[Entry]:
        """Return what has arrived so far, in order."""
        with self._lock:
            return list(self._entries)

    def register(self, app_id: str, upload_key: str) -> None:
        """Accept every app."""

    def arrive(self, key: str, kind: str, app_id: str, version: str) -> None:
        """Write down what has arrived."""
        with self._lock, self._file.open("a") as stream:
            entry = Entry(key, kind, app_id, version, time.time_ns() // 1_000_000)
            self._entries.append(entry)
            stream.write(f"{json.dumps(asdict(entry))}\n")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64
    vendor: LightVendor


class _Call(socketserver.StreamRequestHandler):
    """One sender: a line of JSON, ended; after a while the answer, if the sender is still there."""

    server: _Server

    def handle(self) -> None:
        line = self.rfile.readline()
        if not line.endswith(b"\n"):
            return  # Cut off in the middle: nothing has arrived.
        call = json.loads(line)
        self.server.vendor.arrive(call["key"], call["kind"], call["app_id"], call["version"])
        time.sleep(call["reply"])
        try:
            self.wfile.write(b"yes\n")
        except OSError:
            return  # The sender is dead; that does not undo anything.
