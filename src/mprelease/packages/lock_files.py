"""Rewrite the URLs in lock files that name other registries than those in use.

Versions and check sums stay, so the locked packages are installed. The URLs are not dropped: yarn 1
ignores a version without one, and in npm's lock file version 1 only the URL shows the target of an
alias.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from mprelease.packages.registries import Registries, is_retired, place

LARGEST = 8 * 2**20
"""Size in characters above which a lock file is not rewritten."""


@dataclass(frozen=True)
class Correction:
    """A rewritten lock file, and the hosts whose URLs were replaced."""

    text: str
    hosts: tuple[str, ...]


def names_addresses(text: str) -> bool:
    """Return whether a lock file contains URLs that may have to be replaced."""
    return bool(re.search(r"https?(?:://|%3A%2F%2F)|/download/", text))


def corrected(name: str, text: str, registries: Registries) -> Correction | None:
    """Return a lock file with its URLs moved to the registries in use; None if nothing changed.

    The format follows from `name`, the name of the file. URLs without a check sum are replaced only
    if they name a retired mirror: another registry might serve another package. Files larger than
    `LARGEST` are not changed.
    """
    if len(text) > LARGEST:
        return None
    mover = _Mover(registries)
    moved = _FORMATS[_format(name, text)](text, mover)
    return Correction(moved, tuple(sorted(mover.hosts))) if mover.hosts else None


# Scopes exclude "%", which makes the match unambiguous: otherwise it takes quadratic time.
_SCOPE = r"(?:(?:@|%40)[^/\s%]+(?:/|%2[fF]))?"
_PACKAGE = rf"(?P<package>{_SCOPE}[^/\s]+)"
_FILE = r"(?P<file>[^/\s?#]+\.tgz)"
# `/download/`, with a repeated scope and a query, is the form of cnpm; npm's own is `/-/`.
_REST = rf"{_SCOPE}{_FILE}(?:\?[^\s#]*)?"
_TARBALL = re.compile(rf"https?://[^\s?#]+?/{_PACKAGE}/(?:-|download)/{_REST}")
# pnpm <= 7 stores only the path of that form below the registry.
_RELATIVE = re.compile(rf"/?(?!\w+:){_PACKAGE}/download/{_REST}")
# The file store of npmmirror.
_STORED = re.compile(rf"https?://[^/\s]+/packages/{_PACKAGE}/[^/\s]+/{_FILE}")
_LONGEST_ADDRESS = 1000


@dataclass
class _Mover:
    registries: Registries
    hosts: set[str] = field(default_factory=set)

    def moved(self, address: str, *, has_sum: bool) -> str | None:
        """Return the new URL of a package; None if it stays."""
        if len(address) > _LONGEST_ADDRESS:
            return None
        if match := _TARBALL.fullmatch(address) or _STORED.fullmatch(address):
            return self._target(match) if self.leaves(address, has_sum=has_sum) else None
        return None

    def completed(self, path: str) -> str | None:
        """Return the URL for a path below a registry; None for other texts."""
        match = _RELATIVE.fullmatch(path) if len(path) <= _LONGEST_ADDRESS else None
        if match is None:
            return None
        self.hosts.add(place(self.registries.default))
        return self._target(match)

    def leaves(self, address: str, *, has_sum: bool) -> bool:
        """Return whether a URL must be replaced, and record its host if so."""
        leaves = is_retired(address) or (has_sum and not self.registries.uses(address))
        if leaves:
            self.hosts.add(place(address))
        return leaves

    def _target(self, match: re.Match[str]) -> str:
        package = unquote(match["package"])
        return f"{self.registries.of(package)}/{package}/-/{match['file']}"


def _format(name: str, text: str) -> str:
    if name == "yarn.lock":
        return "berry" if re.search(r"^__metadata:", text, re.MULTILINE) else "yarn"
    return "pnpm" if name.endswith(".yaml") else "npm"


def _npm(text: str, mover: _Mover) -> str:
    try:
        lock = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return text
    for entry in _entries(lock):
        address = entry.get("resolved")
        if isinstance(address, str):
            target = mover.moved(address, has_sum=bool(entry.get("integrity")))
            entry["resolved"] = target or address
    return json.dumps(lock, indent=2, ensure_ascii=False)


def _entries(lock: object) -> Iterator[dict[str, object]]:
    waiting = [lock]
    while waiting:
        entry = waiting.pop()
        if isinstance(entry, dict):
            yield entry
            waiting.extend(entry.values())


_YARN = re.compile(
    r'(?P<before>^  resolved "?)(?P<url>[^"\s#]+)(?P<sum>#[^"\s]*)?'
    r'(?P<after>"?(?:\r?\n  integrity )?)',
    re.MULTILINE,
)


def _yarn(text: str, mover: _Mover) -> str:
    def replaced(match: re.Match[str]) -> str:
        has_sum = bool(match["sum"]) or "integrity" in match["after"]
        target = mover.moved(match["url"], has_sum=has_sum)
        return f"{match['before']}{target or match['url']}{match['sum'] or ''}{match['after']}"

    return _YARN.sub(replaced, text)


_BERRY = re.compile(
    r"(?P<before>^  resolution: .*?)::__archiveUrl=(?P<url>[^\"&\s]+)"
    r"(?P<after>\"?(?:\r?\n(?!  checksum:)  .*)*+(?:\r?\n  checksum:)?)",
    re.MULTILINE,
)


def _berry(text: str, mover: _Mover) -> str:
    def replaced(match: re.Match[str]) -> str:
        has_sum = match["after"].endswith("checksum:")
        # Without a URL yarn uses the configured registry.
        leaves = mover.leaves(unquote(match["url"]), has_sum=has_sum)
        return f"{match['before']}{match['after']}" if leaves else match[0]

    return _BERRY.sub(replaced, text)


_PNPM = re.compile(r"(?P<key>\btarball: *)(?P<quote>['\"]?)(?P<url>[^'\",}\s]+)(?P=quote)")
_PNPM_REGISTRY = re.compile(r"(?P<key>\bregistry: *)['\"]?(?P<url>https?://[^'\",}\s]+)['\"]?")


def _pnpm(text: str, mover: _Mover) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(_pnpm_line(lines, number, mover) for number in range(len(lines)))


def _pnpm_line(lines: list[str], number: int, mover: _Mover) -> str:
    line = lines[number]
    if "tarball" not in line and "registry" not in line:
        return line
    around = line if "{" in line else "".join(lines[max(0, number - 1) : number + 2])
    has_sum = "integrity:" in around

    def tarball(match: re.Match[str]) -> str:
        url = match["url"]
        target = mover.moved(url, has_sum=has_sum) or mover.completed(url)
        return f"{match['key']}{target}" if target else match[0]

    def registry(match: re.Match[str]) -> str:
        leaves = mover.leaves(match["url"], has_sum=has_sum)
        return f"{match['key']}{mover.registries.default}" if leaves else match[0]

    return _PNPM_REGISTRY.sub(registry, _PNPM.sub(tarball, line))


_FORMATS: Mapping[str, Callable[[str, _Mover], str]] = {
    "npm": _npm,
    "yarn": _yarn,
    "berry": _berry,
    "pnpm": _pnpm,
}
