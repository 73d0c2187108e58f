"""Ask whether a registry answers at all: package managers take minutes to say that none does."""

import re
from collections.abc import Sequence

PROBE_SECONDS = 5
"""How long a registry may take to answer, from when it was asked."""
PROBE_LIMIT = 60
"""Seconds after which the command that asks is ended: on a crowded machine it begins late."""


def probe_command(registry: str | None = None) -> tuple[str, ...]:
    """Return the command that asks a registry, by default the one of npm's settings.

    npm knows proxies, certificates and logins; whatever a registry says is an answer.
    """
    named = ("--registry", registry) if registry else ()
    limits = ("--fetch-retries=0", f"--fetch-timeout={PROBE_SECONDS * 1000}")
    return ("npm", "ping", *limits, *named)


def silent_host(tool_error: Sequence[str], registry: str | None = None) -> str | None:
    """Return the host that did not answer, from what the failed command wrote; None if one did."""
    text = "\n".join(tool_error)
    if not _SILENCE.search(text):
        return None
    match = _HOST.search(registry or text)
    return match["host"] if match else "npm"


_SILENCE = re.compile(
    r"\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ERR_SOCKET_TIMEOUT)\b"
    r"|network timeout at"
)
_HOST = re.compile(r"https?://(?:[^/@\s]*@)?(?P<host>[^/\s?#]+)")
