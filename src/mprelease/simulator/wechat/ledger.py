"""The list of what was accepted, in order."""

from mprelease.domain.releases import Kind
from mprelease.simulator.arrivals import Arrivals
from mprelease.simulator.wechat.received import Received


class Ledger(Arrivals[Received]):
    """Remember what was accepted, and which robot holds what."""

    def current(self, app_id: str, robot: int) -> Received | None:
        """Return the development version that a robot holds: its newest upload."""
        wanted = (Kind.UPLOAD, app_id, robot)
        return self.newest(lambda one: (one.kind, one.app_id, one.robot) == wanted)
