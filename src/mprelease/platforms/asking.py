"""How the platforms are asked without their tools: beside the checkout, and for a few seconds."""

from collections.abc import Mapping

import httpx

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.platforms.driver import Link

_SECONDS = 5


def client(link: Link, base_url: str, headers: Mapping[str, str] | None = None) -> httpx.Client:
    """Return a client that goes the way of a link, and waits 5 s for each answer at most."""
    trust = httpx.create_ssl_context(trust_env=False)
    if link.extra_ca:
        trust.load_verify_locations(link.extra_ca)
    return httpx.Client(
        base_url=base_url,
        proxy=link.proxy,
        verify=trust,
        timeout=_SECONDS,
        headers=headers,
        trust_env=False,
    )


def unreachable(host: str, error: Exception | str) -> StageFailed:
    """Return the problem of a platform that gives no answer, or one that nobody can read."""
    detail = str(error) or type(error).__name__
    return StageFailed(Problem.PLATFORM_UNREACHABLE, host=host, detail=detail)
