"""What a simulated service is to the proxy in front of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol


@dataclass(frozen=True)
class Request:
    """One request as it came out of the tunnel.

    `query` holds the last value of each name. `client` is the caller's IP address; `at` the
    moment of its arrival in milliseconds since the epoch. `headers` have names in lower case.
    """

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    client: str
    at: int
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """What goes back, and how badly.

    `delay` is the time in seconds until the first byte. A reply that `is_cut` announces its whole
    body, sends half of it and ends the connection.
    """

    body: bytes
    status: int = 200
    content_type: str = "application/json; charset=utf-8"
    delay: float = 0
    is_cut: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


def json_reply(content: Mapping[str, object], status: int = HTTPStatus.OK) -> Reply:
    """Answer with JSON."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    return Reply(body, status)


def gateway_error() -> Reply:
    """Answer as a gateway does when the service behind it has failed."""
    page = b"<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"
    return Reply(page, status=HTTPStatus.BAD_GATEWAY, content_type="text/html")


class Service(Protocol):
    """Play one vendor's service.

    `answer` is called once per request, from many threads at once. What a client can do wrong is
    answered; an exception is a fault of the simulator and ends the connection.
    """

    @property
    def hosts(self) -> frozenset[str]:
        """Name the hosts that this service answers for, in lower case."""
        ...

    def answer(self, request: Request) -> Reply:
        """Answer one request."""
        ...
