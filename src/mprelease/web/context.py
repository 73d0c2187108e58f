"""The dependencies of all pages, created once per application."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from fastapi.requests import HTTPConnection

from mprelease.domain.worker_queries import WorkerQuery
from mprelease.live.hub import Hub
from mprelease.services.context import ServiceContext
from mprelease.supervision import LoopSupervisor
from mprelease.web.connections import Connections
from mprelease.web.login_throttle import LoginThrottle
from mprelease.web.metrics import Metrics
from mprelease.web.untrusted_proxies import UntrustedProxies


class QueryClient(Protocol):
    """Send a query to the workers of a label; raise Refused or StageFailed."""

    def __call__(
        self, label: str, query: WorkerQuery, *, seconds: float, max_age: float
    ) -> dict[str, object]:
        """Return the answer within `seconds`; a cached one may be `max_age` seconds old."""


@dataclass(frozen=True)
class WebContext:
    """The services, the client for worker queries, and the public URL of this node.

    `base_url` is the URL that users open, if configured; with https, cookies are Secure.
    """

    services: ServiceContext
    ask: QueryClient
    base_url: str | None
    is_ready: Callable[[], bool]
    hub: Hub
    login_throttle: LoginThrottle = field(default_factory=LoginThrottle)
    connections: Connections = field(default_factory=Connections)
    untrusted_proxies: UntrustedProxies = field(default_factory=UntrustedProxies)
    loops: LoopSupervisor = field(default_factory=LoopSupervisor)
    metrics: Metrics = field(default_factory=Metrics)

    @property
    def is_secure(self) -> bool:
        """Return whether browsers use https."""
        return bool(self.base_url and self.base_url.startswith("https:"))


def context_of(request: HTTPConnection) -> WebContext:
    """Return the context of the application that serves a request."""
    context: WebContext = request.app.state.context
    return context
