"""Block confined processes from mprelease's own ports, by user id and nftables.

Each mprelease process has its own table. The rules apply to TCP and UDP of the given user ids only.
Unix sockets of a database or of Redis are protected by permissions and by the sandbox instead.
"""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from mprelease.domain.endpoints import Endpoint
from mprelease.domain.sandbox import UidRange
from mprelease.process.machine_locks import MachineLocks

LOCKS = Path("/run/mprelease/network")
_PREFIX = "mprelease-"
_SECONDS = 10.0
_SYSTEM_FOLDERS = "/usr/sbin:/sbin"
_Address = IPv4Address | IPv6Address


@dataclass(frozen=True)
class NetworkRules:
    """What processes of some user ids may reach.

    The first match decides: `never` is rejected, `needed` accepted, `avoided` rejected; anything
    else is accepted. An endpoint on this machine means its port on every address of the machine.
    Host names are resolved when the rules are applied.
    """

    uids: UidRange
    never: tuple[Endpoint, ...]
    needed: tuple[Endpoint, ...] = ()
    avoided: tuple[Endpoint, ...] = ()


class NetworkTable:
    """The rules of one process; after a kill another process removes them when it starts."""

    def __init__(
        self,
        name: str,
        locks: Path = LOCKS,
        path: str = os.defpath,
        system_folders: str = _SYSTEM_FOLDERS,
    ) -> None:
        """Take the table's name, unique on this machine, the folder of locks and nft's PATH."""
        self._name = f"{_PREFIX}{name}"
        self._locks = MachineLocks(locks)
        self._lock: int | None = None
        self._path = f"{path}:{system_folders}"

    def apply(self, rules: NetworkRules) -> str:
        """Replace the rules atomically; return why that failed, empty on success.

        If a host name cannot be resolved, the other rules are enforced.
        """
        why = self._why_not_ours() or self._nft("-f", "-", text=self._script(rules))
        if not why:
            self._remove_orphans()
        return why or _unknown(rules)

    def why_not(self, rules: NetworkRules) -> str:
        """Return why `apply` would fail, empty if it would not; changes nothing."""
        return self._nft("--check", "-f", "-", text=self._script(rules)) or _unknown(rules)

    def withdraw(self) -> None:
        """Remove the rules; idempotent."""
        if self._lock is not None:
            self._nft("delete", "table", "inet", self._name)
            os.close(self._lock)
            self._lock = None

    def _why_not_ours(self) -> str:
        if self._lock is not None:
            return ""
        if why := _why_no_right() or self._locks.why_unusable():
            return why
        self._lock = self._locks.take(self._name)
        return "" if self._lock is not None else "another process of the same name has rules"

    def _script(self, rules: NetworkRules) -> str:
        lines = [
            # Deleting a missing table would fail.
            f"add table inet {self._name}",
            f"delete table inet {self._name}",
            f"table inet {self._name} {{",
            "chain builds {",
            *_lines(rules.never, "reject"),
            *_lines(rules.needed, "accept"),
            *_lines(rules.avoided, "reject"),
            "}",
            "chain output {",
            # Before destination NAT, which replaces addresses by those of containers.
            "type filter hook output priority -150; policy accept;",
            f"meta skuid {rules.uids} jump builds",
            "}",
            "}",
        ]
        return "\n".join(lines) + "\n"

    def _remove_orphans(self) -> None:
        """Remove tables of killed processes; only tables that have a lock file here."""
        listed = self._run("list", "tables").stdout
        for name in re.findall(rf"^table inet ({_PREFIX}[\w-]+)$", listed, re.MULTILINE):
            if name == self._name or not self._locks.has(name):
                continue
            lock = self._locks.take(name)
            if lock is not None:
                self._nft("delete", "table", "inet", name)
                os.close(lock)

    def _nft(self, *arguments: str, text: str = "") -> str:
        """Run nft; return the error, empty on success."""
        if why := _why_no_right():
            return why
        try:
            ended = self._run(*arguments, text=text)
        except FileNotFoundError:
            return "nft is not installed (apt-get install nftables)"
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"nft: {error}"
        errors = ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"]
        return f"nft: {errors[0]}" if ended.returncode else ""

    def _run(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        program = shutil.which("nft", path=self._path)
        if program is None:
            raise FileNotFoundError("nft")
        return subprocess.run(
            [program, *arguments],
            input=text,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )


def _why_no_right() -> str:
    return "" if os.geteuid() == 0 else "mprelease does not run as root"


def _unknown(rules: NetworkRules) -> str:
    hosts = [each.host for each in (*rules.never, *rules.avoided) if not _addresses(each.host)]
    return f"{hosts[0]} has no address" if hosts else ""


def _lines(endpoints: Iterable[Endpoint], verdict: str) -> Iterator[str]:
    for endpoint in dict.fromkeys(endpoints):
        port = f"meta l4proto {{ tcp, udp }} th dport {endpoint.port}"
        addresses = _addresses(endpoint.host)
        if any(map(_is_ours, addresses)):
            yield f"{port} fib daddr type local {verdict}"
        for address in addresses:
            yield f"{'ip' if address.version == 4 else 'ip6'} daddr {address} {port} {verdict}"  # noqa: PLR2004


def _addresses(host: str) -> list[_Address]:
    try:
        resolved = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    # Without the interface of a link-local address.
    texts = {str(each[4][0]).partition("%")[0] for each in resolved}
    return sorted(map(ip_address, texts), key=str)


def _is_ours(address: _Address) -> bool:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as trial:
        trial.bind((str(address), 0))
        return True
    return False
