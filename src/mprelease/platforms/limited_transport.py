"""A transport of httpx with limits that httpx lacks: total time, and length of responses.

Imported by `platforms.http` when a request is sent: importing httpx takes 0.2 s.
"""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import httpx

# What a compressed response may become is about a thousand times as long.
_COMPRESSION = 16


class LimitedTransport(httpx.BaseTransport):
    """Send requests until `end` is called, and refuse long responses; `end` is thread-safe."""

    def __init__(self, transport: httpx.BaseTransport, most_bytes: int) -> None:
        """Take the transport that sends the requests, and the greatest length of a response.

        Compressed responses may have a sixteenth of it.
        """
        self._transport = transport
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self.reason: str | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; its error is a httpx.HTTPError also after `end`."""
        request.extensions["trace"] = self._note_connection
        response = self._transport.handle_request(request)
        assert isinstance(response.stream, httpx.SyncByteStream)
        is_compressed = "content-encoding" in response.headers
        most = self._most_bytes // _COMPRESSION if is_compressed else self._most_bytes
        response.stream = _LimitedStream(response.stream, most)
        return response

    def end(self, reason: str) -> None:
        """End all connections at once, also those that a thread waits for, and keep the reason."""
        with self._lock:
            self.reason = reason
            for connection in self._connections:
                _shut(connection)

    def close(self) -> None:
        """Close the connections after the last request."""
        self._transport.close()
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()

    def _note_connection(self, event: str, details: Mapping[str, Any]) -> None:
        if event != "connection.connect_tcp.complete":
            return
        # A duplicate, because TLS takes the socket over; both are of the same connection.
        connection = details["return_value"].get_extra_info("socket").dup()
        with self._lock:
            self._connections.append(connection)
            if self.reason:
                _shut(connection)


class _LimitedStream(httpx.SyncByteStream):
    def __init__(self, stream: httpx.SyncByteStream, most_bytes: int) -> None:
        self._stream = stream
        self._most_bytes = most_bytes

    def __iter__(self) -> Iterator[bytes]:
        left = self._most_bytes
        for chunk in self._stream:
            left -= len(chunk)
            if left < 0:
                raise httpx.RemoteProtocolError(f"> {self._most_bytes} bytes")
            yield chunk

    def close(self) -> None:
        self._stream.close()


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):  # the other side has closed it
        connection.shutdown(socket.SHUT_RDWR)
