"""Probe whether a registry answers: package managers take minutes to report that none does."""

import re
from collections.abc import Sequence

PROBE_SECONDS = 5
"""Seconds within which a registry must answer the request."""
PROBE_LIMIT = 60
"""Time limit of the whole command in seconds: on a busy machine it starts late."""


def probe_command(registry: str | None = None) -> tuple[str, ...]:
    """Return the command that probes a registry, by default the one of npm's settings.

    npm applies its proxies, certificates and logins. Any response counts as an answer.
    """
    named = ("--registry", registry) if registry else ()
    limits = ("--fetch-retries=0", f"--fetch-timeout={PROBE_SECONDS * 1000}")
    return ("npm", "ping", *limits, *named)


def silent_host(tool_error: Sequence[str], registry: str | None = None) -> str | None:
    """Return the host that did not answer, from the failed command's output; None if it did."""
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
