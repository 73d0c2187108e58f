"""Keep the port of the pages while builds run that could otherwise listen there.

The process that listens on it receives the cookies and passwords of users. After the end of the
server, running releases may still take minutes.
"""

import logging
import selectors
import socket
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import uvicorn

from mprelease.web.guarded_server import QuietServer

_log = logging.getLogger(__name__)
_REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)
_POLL_SECONDS = 0.2
# `localhost` is both, and a browser tries the second first.
_OTHER_FAMILY = {
    "127.0.0.1": (socket.AF_INET6, "::1"),
    "0.0.0.0": (socket.AF_INET6, "::"),  # noqa: S104 nothing listens there
    "::1": (socket.AF_INET, "127.0.0.1"),
}


class HeldPort:
    """The listening sockets of a server, and the same port of the other address family."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._listening: list[socket.socket] = []
        self._reserved: list[socket.socket] = []
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def hold(self, sockets: Iterable[Any]) -> None:
        """Hold listening sockets: they stay open when the server closes its own."""
        self._listening = [each.dup() for each in sockets]
        addresses = [each.getsockname() for each in self._listening]
        for host, port, *_ in addresses:
            other = _OTHER_FAMILY.get(host)
            if other and all(address[0] != other[1] for address in addresses):
                self._reserve(*other, port)

    def refuse(self) -> None:
        """Answer every further connection with status 503, until `close`."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._answer, name="held port", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Close the sockets; idempotent."""
        self._closing.set()
        if self._thread:
            self._thread.join()
        for each in (*self._listening, *self._reserved):
            each.close()

    def _reserve(self, family: socket.AddressFamily, host: str, port: int) -> None:
        """Bind a socket that does not listen: connections and other binds are refused."""
        reserved = socket.socket(family)
        try:
            if family is socket.AF_INET6:
                reserved.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            reserved.bind((host, port))
        except OSError as error:
            # There is no IPv6, or another program has the port.
            _log.debug("%s is not reserved on %s: %s", port, host, error)
            reserved.close()
        else:
            self._reserved.append(reserved)

    def _answer(self) -> None:
        with selectors.DefaultSelector() as selector:
            for each in self._listening:
                selector.register(each, selectors.EVENT_READ)
            while not self._closing.is_set():
                for key, _ in selector.select(_POLL_SECONDS):
                    self._refuse_one(key.fileobj)

    @staticmethod
    def _refuse_one(listening: Any) -> None:
        with suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                connection.settimeout(0)
                connection.send(_REFUSAL)
                connection.shutdown(socket.SHUT_WR)


class HoldingServer(QuietServer):
    """A server whose port is held from its start on."""

    def __init__(self, config: uvicorn.Config, port: HeldPort) -> None:
        """Take the configuration, and what holds the port."""
        super().__init__(config)
        self._port = port

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, and hold the port."""
        await super().startup(sockets)
        self._port.hold(each for server in self.servers for each in server.sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the server; the port stays held."""
        self._port.refuse()
        await super().shutdown(sockets)
