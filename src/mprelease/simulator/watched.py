"""What every simulated service shows, and lets be changed, from outside."""

from enum import StrEnum
from typing import Generic, TypeVar

from mprelease.simulator.arrivals import Arrival, Arrivals
from mprelease.simulator.treatment import Treatment

One = TypeVar("One", bound=Arrival)
Ill = TypeVar("Ill", bound=StrEnum)


class Watched(Generic[One, Ill]):
    """Be watched while the vendor's tool calls: what came, and what nobody knew."""

    _ledger: Arrivals[One]
    _accounts: Treatment[Ill]

    def refuse(self, app_id: str, refusal: Ill | None) -> None:
        """Treat an app badly from the next call on, or well again with None."""
        self._accounts.refuse(app_id, refusal)

    @property
    def received(self) -> list[One]:
        """Return what was accepted so far, oldest first, built or not."""
        return self._ledger.received

    @property
    def strange(self) -> list[str]:
        """Return the calls that the simulator does not know, telemetry included."""
        return self._ledger.strange

    def wait_for(self, count: int, seconds: float = 30) -> list[One]:
        """Return `received` once it has `count` entries; raise TimeoutError after `seconds`."""
        return self._ledger.wait_for(count, seconds)
