"""What every page needs, composed once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from fastapi.requests import HTTPConnection

from mprelease.domain.errands import Errand
from mprelease.live.hub import Hub
from mprelease.services.house import House
from mprelease.supervision import LoopSupervisor
from mprelease.web.crowd import Crowd
from mprelease.web.login_throttle import LoginThrottle
from mprelease.web.untrusted_proxies import UntrustedProxies


class Asker(Protocol):
    """Ask a worker of a label what only it can tell; raise Refused or StageFailed in words."""

    def __call__(
        self, label: str, errand: Errand, *, seconds: float, max_age: float
    ) -> dict[str, object]:
        """Return the facts, at most `max_age` seconds old, within so many seconds."""


@dataclass(frozen=True)
class Hall:
    """Hold the house, the way to the workers, and how this node is seen from outside.

    `base_url` is the address that people type, where it is known; behind https cookies are Secure.
    """

    house: House
    ask: Asker
    base_url: str | None
    is_ready: Callable[[], bool]
    hub: Hub
    login_throttle: LoginThrottle = field(default_factory=LoginThrottle)
    crowd: Crowd = field(default_factory=Crowd)
    untrusted_proxies: UntrustedProxies = field(default_factory=UntrustedProxies)
    loops: LoopSupervisor = field(default_factory=LoopSupervisor)

    @property
    def is_secure(self) -> bool:
        """Tell whether browsers come by https."""
        return bool(self.base_url and self.base_url.startswith("https:"))


def hall_of(request: HTTPConnection) -> Hall:
    """Return what the application was made with."""
    hall: Hall = request.app.state.hall
    return hall
