"""The HTTP proxy through which the vendors' tools reach the simulated services.

Inside a tunnel HTTP is uvicorn's and Starlette's business (`http.py`). The way into it is our own
code, because no ASGI server can do it: a client sends CONNECT for a host of the vendor, and the
proxy answers for that host itself, over TLS with a certificate that it has issued (a proxy that
forwards would never see the requests). uvicorn takes a connection only from its own listener,
with one TLS context, and has no CONNECT.
"""

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from pathlib import Path
from socket import IPPROTO_TCP, TCP_NODELAY, create_server
from threading import Thread
from types import TracebackType
from typing import Self

import trustme
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from mprelease.simulator.http import Service, asgi_app

_READ_SIZE = 256 * 1024
_KEEP_ALIVE_SECONDS = 3600
"""An idle connection is kept as long as any test or demo needs it."""

_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_FORBIDDEN = (
    f"HTTP/1.1 {HTTPStatus.FORBIDDEN} {HTTPStatus.FORBIDDEN.phrase}\r\n"
    "Content-Length: 0\r\nConnection: close\r\n\r\n"
).encode()


class Simulator:
    """Serve services on 127.0.0.1 behind an HTTP proxy, for the length of a `with` block.

    CONNECT to port 443 of a host of one of the services leads to that service, over TLS with a
    certificate of a new authority. Every other request is answered with 403: nothing is forwarded.
    """

    def __init__(self, folder: Path, services: Iterable[Service], port: int = 0) -> None:
        """Listen on `port` (0: any free one) and write the authority's certificate to `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        hosts = {host: service for service in services for host in service.hosts}
        self._authority = _Authority(folder / "ca.pem", hosts)
        self._handler = _ConnectHandler(self._authority, hosts)
        self._socket = create_server(("127.0.0.1", port), backlog=64)
        # asyncio switches Nagle's algorithm off for sockets whose protocol number is that of TCP;
        # that of this one is 0. With it each reply takes 40 ms. Connections inherit the option.
        self._socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        self._port = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = Thread(target=self._run, name="simulator")

    @property
    def proxy_url(self) -> str:
        """Return the proxy's address, `http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def ca_file(self) -> Path:
        """Return the PEM file of the authority that clients have to trust."""
        return self._authority.ca_file

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close all connections without waiting for replies, and end all threads."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._handler.handle, sock=self._socket)
        await self._stop.wait()
        server.close()
        await self._handler.close()


class _ConnectHandler:
    """Answer CONNECT on each new connection, and serve HTTP inside the tunnel."""

    def __init__(self, authority: "_Authority", services: Mapping[str, Service]) -> None:
        self._authority = authority
        self._configs = {host: _config(service, host) for host, service in services.items()}
        self._state = ServerState()
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection in its own task."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections[task] = writer
        task.add_done_callback(self._connections.pop)

    async def close(self) -> None:
        """Close every connection and wait for the tasks that serve them."""
        connections = dict(self._connections)
        for task, writer in connections.items():
            task.cancel()
            writer.transport.abort()
        await asyncio.gather(*connections, *self._state.tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            host = self._target(await reader.readuntil(b"\r\n\r\n"))
            if host is None:
                writer.write(_FORBIDDEN)
            else:
                writer.write(_ESTABLISHED)
                await writer.start_tls(self._authority.context(host))
                await self._serve_tunnel(host, reader, writer)
        except (OSError, EOFError, asyncio.LimitOverrunError):
            pass  # The client has disconnected, rejected the certificate, or sent no HTTP request.
        finally:
            writer.close()

    def _target(self, head: bytes) -> str | None:
        """Return the simulated host that a CONNECT request names; None for any other request."""
        method, _, rest = head.decode("latin-1").partition(" ")
        host, _, port = rest.partition(" ")[0].lower().rpartition(":")
        is_known = method == "CONNECT" and port == "443" and host in self._configs
        return host if is_known else None

    async def _serve_tunnel(
        self, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        # The protocol gets its bytes from here, not from the transport, which could deliver the
        # first request between the end of the handshake and `set_protocol`.
        transport = writer.transport
        assert isinstance(transport, asyncio.Transport)
        state = {"close_connection": transport.close}
        protocol = H11Protocol(self._configs[host], self._state, state)
        protocol.connection_made(transport)
        try:
            while data := await reader.read(_READ_SIZE):
                if not transport.is_closing():
                    protocol.data_received(data)
        finally:
            protocol.connection_lost(None)


class _Authority:
    """A certificate authority for the simulated hosts; its private key is only in memory."""

    def __init__(self, ca_file: Path, hosts: Iterable[str]) -> None:
        """Create the authority and one certificate per host; write its certificate to a file."""
        self.ca_file = ca_file
        self._ca = trustme.CA(organization_name="mprelease simulator")
        self._ca.cert_pem.write_to_path(ca_file)
        self._contexts = {host: self._context(host) for host in hosts}

    def context(self, host: str) -> ssl.SSLContext:
        """Return the server's TLS context for a host; raise KeyError for an unknown one."""
        return self._contexts[host]

    def _context(self, host: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(host).configure_cert(context)

        def check_name(_: object, name: str | None, __: object) -> int | None:
            return None if name == host else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME

        context.sni_callback = check_name
        return context


def _config(service: Service, host: str) -> uvicorn.Config:
    config = uvicorn.Config(
        asgi_app(service, host),
        http=H11Protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
    )
    config.load()
    return config
