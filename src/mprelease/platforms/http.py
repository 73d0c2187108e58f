"""The HTTP client for requests without the platforms' tools, with limits of time and length."""

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.platforms.driver import Route
from mprelease.process.tree import Stop

if TYPE_CHECKING:
    import httpx

    from mprelease.platforms.limited_transport import LimitedTransport

_SECONDS = 5
# All that is requested in one block, as a host may send a byte now and then for ever.
_TOTAL_SECONDS = 30.0
_MOST_BYTES = 4 * 2**20


@contextmanager
def client(
    route: Route,
    base_url: str,
    headers: Mapping[str, str] | None = None,
    *,
    seconds: float = _TOTAL_SECONDS,
    most_bytes: int = _MOST_BYTES,
    stop: Stop | None = None,
) -> Iterator["httpx.Client"]:
    """Yield a client that uses a route; connecting, each read and each write time out after 5 s.

    Requests end after `seconds` in total, at a response of more than `most_bytes`, and on a request
    of `stop`. Proxy settings of the environment are ignored. Raise
    StageFailed(PLATFORM_UNREACHABLE) if a request fails.
    """
    # Importing it takes 0.2 s: here it happens during the checkout, and not in processes that never
    # need it.
    import httpx  # noqa: PLC0415

    from mprelease.platforms.limited_transport import LimitedTransport  # noqa: PLC0415

    limited: LimitedTransport | None = None
    try:
        trust = _ssl_context_of(route)
        transport = httpx.HTTPTransport(verify=trust, proxy=route.proxy, trust_env=False)
        limited = LimitedTransport(transport, most_bytes)
        with (
            httpx.Client(
                base_url=base_url,
                transport=limited,
                timeout=_SECONDS,
                headers=headers,
                trust_env=False,
            ) as opened,
            _ending(limited, seconds, stop or Stop()),
        ):
            yield opened
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise unreachable(
            urlsplit(base_url).netloc, (limited and limited.reason) or error
        ) from None


@contextmanager
def _ending(limited: "LimitedTransport", seconds: float, stop: Stop) -> Iterator[None]:
    """End the requests of the block after `seconds`, and on a request of `stop`."""
    timer = threading.Timer(seconds, limited.end, (f"> {seconds:.0f} s",))
    timer.daemon = True
    timer.start()
    forget = stop.on_ask(lambda: limited.end("stopped"))
    try:
        yield
    finally:
        forget()
        timer.cancel()


def unreachable(host: str, error: Exception | str) -> StageFailed:
    """Return PLATFORM_UNREACHABLE for a platform without an answer, or with an invalid one."""
    detail = str(error) or type(error).__name__
    return StageFailed(Problem.PLATFORM_UNREACHABLE, host=host, detail=detail)


def _ssl_context_of(route: Route) -> ssl.SSLContext:
    if route.extra_ca is None:
        return _trust(None, 0)
    return _trust(route.extra_ca, route.extra_ca.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _trust(extra_ca: Path | None, _changed_at: int) -> ssl.SSLContext:
    """Load the certificates, cached: loading takes 20 ms, during which the GIL is held."""
    import httpx  # noqa: PLC0415 as above

    trust = httpx.create_ssl_context(trust_env=False)
    if extra_ca:
        trust.load_verify_locations(extra_ca)
    return trust
