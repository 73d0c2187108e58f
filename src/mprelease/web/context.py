"""What every page needs, composed once."""

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
from mprelease.web.untrusted_proxies import UntrustedProxies


class QueryClient(Protocol):
    """Ask a worker of a label what only it can tell; raise Refused or StageFailed in words."""

    def __call__(
        self, label: str, query: WorkerQuery, *, seconds: float, max_age: float
    ) -> dict[str, object]:
        """Return the facts, at most `max_age` seconds old, within so many seconds."""


@dataclass(frozen=True)
class WebContext:
    """Hold the services, the way to the workers, and how this node is seen from outside.

    `base_url` is the address that people type, where it is known; behind https cookies are Secure.
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

    @property
    def is_secure(self) -> bool:
        """Tell whether browsers come by https."""
        return bool(self.base_url and self.base_url.startswith("https:"))


def context_of(request: HTTPConnection) -> WebContext:
    """Return what the application was made with."""
    context: WebContext = request.app.state.context
    return context
