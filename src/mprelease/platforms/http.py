"""How the platforms are asked without their tools: beside the checkout, and for a few seconds."""

import ssl
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import httpx

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.platforms.driver import Route

_SECONDS = 5


def client(route: Route, base_url: str, headers: Mapping[str, str] | None = None) -> httpx.Client:
    """Return a client that goes the way of a link, and waits 5 s for each answer at most."""
    return httpx.Client(
        base_url=base_url,
        proxy=route.proxy,
        verify=_ssl_context_of(route),
        timeout=_SECONDS,
        headers=headers,
        trust_env=False,
    )


def unreachable(host: str, error: Exception | str) -> StageFailed:
    """Return the problem of a platform that gives no answer, or one that nobody can read."""
    detail = str(error) or type(error).__name__
    return StageFailed(Problem.PLATFORM_UNREACHABLE, host=host, detail=detail)


def _ssl_context_of(route: Route) -> ssl.SSLContext:
    if route.extra_ca is None:
        return _trust(None, 0)
    return _trust(route.extra_ca, route.extra_ca.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _trust(extra_ca: Path | None, _changed_at: int) -> ssl.SSLContext:
    """Read the certificates once: each reading takes 20 ms, in which no other thread goes on."""
    trust = httpx.create_ssl_context(trust_env=False)
    if extra_ca:
        trust.load_verify_locations(extra_ca)
    return trust
