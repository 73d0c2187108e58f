"""The endpoints in the settings: those of mprelease, and those that builds may need."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from mprelease.domain.endpoints import Endpoint, endpoints
from mprelease.settings.settings import Settings

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy")
_DNS = 53


def stores(settings: Settings) -> tuple[Endpoint, ...]:
    """Return the endpoints of the database and of Redis; none for a file or a Unix socket."""
    return endpoints(settings.database_url or "") + endpoints(settings.redis_url or "")


def page(settings: Settings) -> tuple[Endpoint, ...]:
    """Return the endpoint of `base_url` if it names a port; 80 and 443 may serve other sites."""
    return endpoints(settings.base_url or "") if _has_own_port(settings.base_url) else ()


def needed(
    settings: Settings,
    environment: Mapping[str, str],
    others: Iterable[str],
    resolver: Path = Path("/etc/resolv.conf"),
) -> tuple[Endpoint, ...]:
    """Return what builds may need: proxies, the registry, DNS servers, and the `others`."""
    proxies = (value for name, value in environment.items() if name.lower() in _PROXIES)
    urls = (settings.vendor_proxy or "", settings.npm_registry or "", *proxies, *others)
    return (*(each for url in urls for each in endpoints(url)), *_name_servers(resolver))


def lacks_password(url: str) -> bool:
    """Return whether a URL of a network server has no password."""
    if not endpoints(url):
        return False
    parts = urlsplit(url)
    return not (parts.password or dict(parse_qsl(parts.query)).get("password"))


def _has_own_port(url: str | None) -> bool:
    return bool(url) and urlsplit(url or "").port is not None


def _name_servers(resolver: Path) -> Iterable[Endpoint]:
    try:
        lines = resolver.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for words in map(str.split, lines):
        if words[:1] == ["nameserver"] and len(words) > 1:
            yield Endpoint(words[1], _DNS)
