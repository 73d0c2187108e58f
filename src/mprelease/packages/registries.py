"""The registries of an install, from the settings of its package manager."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mprelease.packages import manifests, npmrc
from mprelease.packages.npmrc import host

# Former host names of Chinese npm mirrors; their certificates have expired, and the service has
# moved to other hosts.
RETIRED_HOSTS = r"(?:registry\.npm\.taobao\.org|registry\.nlark\.com|(?:r|registry)\.cnpmjs\.org)"


@dataclass(frozen=True)
class Registries:
    """The URLs of the registries of one install.

    `scopes` are the registries of single scopes, by name without "@"; `others` are hosts, with
    ports, for which the settings have credentials.
    """

    default: str
    scopes: Mapping[str, str] = field(default_factory=dict)
    others: frozenset[str] = frozenset()

    def of(self, package: str) -> str:
        """Return the registry of a package, without a trailing slash."""
        scope = package[1:].partition("/")[0] if package.startswith("@") else ""
        registry = self.scopes.get(scope, self.default)
        return (self.default if is_retired(registry) else registry).rstrip("/")

    def uses(self, url: str) -> bool:
        """Return whether a URL is on the host of one of these registries."""
        hosts = {place(each) for each in (self.default, *self.scopes.values())}
        return place(url) in hosts | self.others


def is_retired(address: str) -> bool:
    """Return whether a URL is on a mirror that no longer exists."""
    return bool(re.fullmatch(RETIRED_HOSTS, place(address)))


def place(url: str) -> str:
    """Return host and port of a URL in lower case; empty if it has none."""
    match = re.match(r"(?:\w+:)?//(?:[^/@]*@)?([^/?#]+)", url)
    return match[1].lower() if match else ""


def of_npm(config: str, npmrcs: Iterable[str]) -> Registries | None:
    """Return the registries in the output of `npm config list --json`; None if there are none.

    `npmrcs` are the contents of the .npmrc files, because that output hides credentials.
    """
    settings = _between_braces(config)
    default = settings.get("registry")
    if not isinstance(default, str) or not host(default):
        return None
    named = {name: value for name, value in settings.items() if isinstance(value, str)}
    return Registries(default, npmrc.scopes(named), _with_login(npmrcs))


def of_yarn_berry(
    rcs: Iterable[Mapping[str, object]], default: str, npmrcs: Iterable[str]
) -> Registries:
    """Return the registries of yarn >= 2 by its configuration files, in ascending precedence."""
    scopes: dict[str, str] = {}
    for rc in rcs:
        if isinstance(server := rc.get("npmRegistryServer"), str):
            default = server
        for name, settings in manifests.section(rc, "npmScopes").items():
            server = settings.get("npmRegistryServer") if isinstance(settings, dict) else None
            if isinstance(server, str):
                scopes[name] = server
    return Registries(default, scopes, _with_login(npmrcs))


def of_yarn_1(yarnrc: str, others: Registries) -> Registries:
    """Return the registries of yarn 1, whose .yarnrc takes precedence over npm's settings."""
    match = re.search(r'^[ \t]*"?registry"?[ \t]+"?([^"\s]+)', yarnrc, re.MULTILINE)
    return Registries(match[1], others.scopes, others.others) if match else others


def _with_login(npmrcs: Iterable[str]) -> frozenset[str]:
    return frozenset(place(each) for text in npmrcs for each in npmrc.places(text))


def _between_braces(text: str) -> Mapping[str, object]:
    """Return the JSON object in an output that may have warnings around it."""
    try:
        content = json.loads(text[text.index("{") : text.rindex("}") + 1])
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
