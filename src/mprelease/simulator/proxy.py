"""The egress proxy in front of the simulated services; it never forwards anything."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self

from mprelease.simulator.certificates import Authority
from mprelease.simulator.connections import Server
from mprelease.simulator.service import Service


class Simulator:
    """Serve services on 127.0.0.1 behind an HTTP proxy, until the end of the `with` block.

    CONNECT to port 443 of a host that a service names leads to that service, over TLS by a
    throw-away authority. Every other request is answered with 403.
    """

    def __init__(self, folder: Path, services: Iterable[Service], port: int = 0) -> None:
        """Listen on `port` (0: any free one) and write the authority's certificate to `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        hosts = _by_host(services)
        self._authority = Authority(folder / "ca.pem", hosts)
        self._server = Server(("127.0.0.1", port), hosts, self._authority)
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), name="simulator")

    @property
    def proxy_url(self) -> str:
        """Return the proxy's address, `http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def ca_file(self) -> Path:
        """Return the PEM file of the authority that clients have to trust."""
        return self._authority.ca_file

    def __enter__(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Cut what is still open and end all threads."""
        self._server.shutdown()
        self._thread.join()
        self._server.cut_connections()
        self._server.server_close()


def _by_host(services: Iterable[Service]) -> Mapping[str, Service]:
    return {host: service for service in services for host in service.hosts}
