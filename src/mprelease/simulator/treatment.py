"""How a simulated service is told to treat an app."""

from enum import StrEnum
from threading import Lock
from typing import Generic, TypeVar

Ill = TypeVar("Ill", bound=StrEnum)


class Treatment(Generic[Ill]):
    """Remember which apps are treated badly; changes take effect with the next call."""

    def __init__(self) -> None:
        """Begin well with everybody."""
        self._ill: dict[str, Ill] = {}
        self._lock = Lock()

    def refuse(self, app_id: str, refusal: Ill | None) -> None:
        """Treat an app badly from now on, or well again with None."""
        with self._lock:
            self._ill.pop(app_id, None)
            if refusal:
                self._ill[app_id] = refusal

    def refusal_of(self, app_id: str) -> Ill | None:
        """Return how an app is to be treated."""
        return self._ill.get(app_id)
