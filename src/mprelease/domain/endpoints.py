"""Endpoints: the hosts and ports that a URL names."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

_PORTS = {
    "ftp": 21,
    "git": 9418,
    "http": 80,
    "https": 443,
    "mariadb": 3306,
    "mysql": 3306,
    "postgres": 5432,
    "postgresql": 5432,
    "redis": 6379,
    "rediss": 6379,
    "socks": 1080,
    "socks4": 1080,
    "socks5": 1080,
    "socks5h": 1080,
    "ssh": 22,
}


@dataclass(frozen=True)
class Endpoint:
    """A host, by name or IP address, and a port."""

    host: str
    port: int


def endpoints(url: str) -> tuple[Endpoint, ...]:
    """Return the endpoints of a URL; empty for a file, a Unix socket, or text that is no URL.

    The URL of a database may name several (`?host=one:5432&host=two:5432`). `user@host:path` is
    git's short form for ssh.
    """
    if "://" not in url:
        host = url.partition(":")[0].rpartition("@")[2]
        is_remote = ":" in url and not url.startswith("/")
        return (Endpoint(host, _PORTS["ssh"]),) if is_remote else ()
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme.partition("+")[0], 0)
    except ValueError:
        return ()
    named = [value for name, value in parse_qsl(parts.query) if name == "host"]
    hosts = ",".join([parts.hostname or "", *named]).split(",")
    candidates = (_endpoint(host, port) for host in hosts if host and not host.startswith("/"))
    return tuple(each for each in candidates if each.port)


def _endpoint(host: str, port: int) -> Endpoint:
    name, colon, own_port = host.rpartition(":")
    if colon and own_port.isdecimal() and ":" not in name:
        return Endpoint(name, int(own_port))
    return Endpoint(host, port)
