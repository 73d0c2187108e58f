"""Detect proxies that are not configured as trusted: their users seem to have one address."""

import logging
import threading

from starlette.types import Scope

_log = logging.getLogger(__name__)
# More peers are not proxies but clients that send the header.
_MOST = 10


class UntrustedProxies:
    """The peers that have sent X-Forwarded-For to this process without being trusted.

    The header is ignored. Each peer is logged once.
    """

    def __init__(self) -> None:
        """Begin without peers."""
        self._lock = threading.Lock()
        self._peers: tuple[str, ...] = ()

    @property
    def peers(self) -> tuple[str, ...]:
        """Return their addresses."""
        return self._peers

    def notice(self, scope: Scope) -> None:
        """Check a request; with a trusted proxy its client is already the forwarded address."""
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
