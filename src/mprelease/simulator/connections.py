"""One thread per connection: the proxy's door, and the tunnel that begins behind it."""

import socket
import ssl
import sys
import time
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Event, Lock
from urllib.parse import parse_qsl, urlsplit

from mprelease.simulator.bodies import Unreadable, read_body
from mprelease.simulator.certificates import Authority
from mprelease.simulator.service import Reply, Request, Service


class Server(ThreadingTCPServer):
    """Accept connections, and know them all so that they can be cut at the end."""

    allow_reuse_address = True
    request_queue_size = 64

    def __init__(
        self, address: tuple[str, int], services: Mapping[str, Service], authority: Authority
    ) -> None:
        """Listen; `services` are found by host name."""
        self.services = services
        self.authority = authority
        self.closing = Event()
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        super().__init__(address, _Door)

    def opened(self, connection: socket.socket) -> None:
        """Remember a connection that is being served."""
        with self._lock:
            self._open.add(connection)
            if self.closing.is_set():
                _cut(connection)

    def closed(self, connection: socket.socket) -> None:
        """Forget a connection that has ended."""
        with self._lock:
            self._open.discard(connection)

    def cut_connections(self) -> None:
        """End every open connection, and with it the thread that serves it."""
        with self._lock:
            self.closing.set()
            for connection in self._open:
                _cut(connection)

    def handle_error(self, request: object, client_address: object) -> None:
        """Report faults of the simulator; a client that went away is none."""
        if not isinstance(sys.exception(), (ConnectionError, ssl.SSLError)):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "simulator"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        self.server.closed(self.connection)
        super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Stay silent: standard error belongs to whoever runs the simulator."""


class _Door(_Handler):
    """Let CONNECT pass to the hosts that are simulated, and nothing else."""

    def do_CONNECT(self) -> None:
        host, _, port = self.path.lower().rpartition(":")
        service = self.server.services.get(host)
        if service is None or port != "443":
            self._forbid()
            return
        self.send_response(HTTPStatus.OK, "Connection established")
        self.end_headers()
        self.wfile.flush()
        self.close_connection = True
        context = self.server.authority.context(host)
        # The handshake is left to the first read: by then the tunnel is known to the server, so
        # that a client which never shakes hands can be cut.
        with context.wrap_socket(
            self.connection, server_side=True, do_handshake_on_connect=False
        ) as tunnel:
            _Tunnel(host, service, tunnel, self.client_address, self.server)

    def _forbid(self) -> None:
        self.close_connection = True
        self.send_error(HTTPStatus.FORBIDDEN, explain="This proxy forwards nothing.")

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _forbid  # noqa: N815 - the base looks for these


class _Tunnel(_Handler):
    """Hand the requests inside one TLS connection to one service."""

    def __init__(
        self,
        host: str,
        service: Service,
        connection: socket.socket,
        client: tuple[str, int],
        server: Server,
    ) -> None:
        self._host = host
        self._service = service
        super().__init__(connection, client, server)

    def _answer(self) -> None:
        if self.headers.get("Host", "").lower().removesuffix(":443") != self._host:
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST)
            return
        try:
            body = read_body(self.rfile, self.headers)
        except Unreadable as error:
            self._refuse(error.status)
            return
        except EOFError:
            self.close_connection = True
            return
        self._send(self._service.answer(self._request(body)))

    do_GET = do_POST = do_PUT = _answer  # noqa: N815 - the base looks for these

    def _request(self, body: bytes) -> Request:
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        now = time.time_ns() // 1_000_000
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, url.path, query, body, self.client_address[0], now, headers)

    def _send(self, reply: Reply) -> None:
        if reply.delay and self.server.closing.wait(reply.delay):
            self.close_connection = True
            return
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = self.close_connection or reply.is_cut
        self.wfile.write(reply.body[: len(reply.body) // 2] if reply.is_cut else reply.body)

    def _refuse(self, status: HTTPStatus) -> None:
        # What follows in the stream may be a body that was not read.
        self.close_connection = True
        self.send_error(status)


def _cut(connection: socket.socket) -> None:
    # Not the method of SSLSocket: it would pull TLS away from under the thread that is reading.
    try:
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
    except OSError:
        return
