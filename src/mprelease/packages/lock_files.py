"""Lock files that point to registries which have ceased to exist, and their correction."""

import re
from urllib.parse import unquote

# The Chinese mirrors of npm under their old names; their certificates have run out, the service
# went on elsewhere.
RETIRED_HOSTS = r"(?:registry\.npm\.taobao\.org|registry\.nlark\.com|(?:r|registry)\.cnpmjs\.org)"
_HOST = re.compile(rf"https?://(?P<host>{RETIRED_HOSTS})(?:/|$)", re.MULTILINE)
# `/download/`, with the scope said twice and a query, is the form of cnpm; npm's own is `/-/`.
_TARBALL = re.compile(
    rf"https?://{RETIRED_HOSTS}/"
    r"(?P<package>(?:(?:@|%40)[^/\s\"']+?(?:/|%2[fF]))?[^/\s\"']+)/(?:-|download)/"
    r"(?:@[^/\s\"']+/)?(?P<file>[^/\s\"'?#,}]+\.tgz)(?:\?[^\s\"'#,}]*)?"
)


def retired_host(text: str) -> str | None:
    """Return the retired mirror that a lock file or an .npmrc points to, or None."""
    found = _HOST.search(text)
    return found["host"] if found else None


def corrected(text: str, registry: str) -> str | None:
    """Return a lock file with its addresses moved from retired mirrors; None if none was.

    Versions and check sums stay, so what is installed is what was locked. `registry` is what
    `npm config get registry` answers. Addresses are not simply dropped: yarn 1 forgets a version
    without one, and in npm's first format only the address tells what an alias stands for.
    """
    base = registry.rstrip("/")
    moved, count = _TARBALL.subn(
        lambda tarball: f"{base}/{unquote(tarball['package'])}/-/{tarball['file']}", text
    )
    return moved if count else None
