"""Notice a proxy that nobody has named: behind it all people seem to come from one address."""

import logging
import threading

from starlette.types import Scope

_log = logging.getLogger(__name__)
# Whoever sends the header from many addresses is no proxy of ours.
_MOST = 10


class UntrustedProxies:
    """Keep, for the life of this process, which peers sent X-Forwarded-For without being trusted.

    The header is not believed. Each peer is logged once.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self._peers: tuple[str, ...] = ()

    @property
    def peers(self) -> tuple[str, ...]:
        """Return their addresses."""
        return self._peers

    def notice(self, scope: Scope) -> None:
        """Look at a request, whose client is already the forwarded one where that is believed."""
        forwarded = ",".join(
            value.decode("latin-1")
            for name, value in scope["headers"]
            if name == b"x-forwarded-for"
        )
        client = scope.get("client")
        if not forwarded.strip(", ") or client is None or client[0] in forwarded:
            return
        with self._lock:
            if client[0] in self._peers or len(self._peers) >= _MOST:
                return
            self._peers += (client[0],)
        _log.warning(
            "%s sends X-Forwarded-For and is no trusted proxy: the header is not believed, and all"
            " people behind it count as one address. If it is your proxy, set"
            " MPRELEASE_TRUSTED_PROXIES=%s",
            client[0],
            client[0],
        )
