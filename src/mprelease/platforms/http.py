"""The HTTP client for requests to platforms without their tools, with short timeouts."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.platforms.driver import Route

if TYPE_CHECKING:
    import httpx

_SECONDS = 5


@contextmanager
def client(
    route: Route, base_url: str, headers: Mapping[str, str] | None = None
) -> Iterator["httpx.Client"]:
    """Yield a client that uses a route; connecting, each read and each write time out after 5 s.

    Proxy settings of the environment are ignored. Raise StageFailed(PLATFORM_UNREACHABLE) if a
    request fails.
    """
    # Importing it takes 0.2 s: here it happens during the checkout, and not in processes that never
    # need it.
    import httpx  # noqa: PLC0415

    try:
        with httpx.Client(
            base_url=base_url,
            proxy=route.proxy,
            verify=_ssl_context_of(route),
            timeout=_SECONDS,
            headers=headers,
            trust_env=False,
        ) as opened:
            yield opened
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise unreachable(urlsplit(base_url).netloc, error) from None


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
