"""Which registries an install uses, as the settings of its package manager tell."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mprelease.packages import manifests, npmrc
from mprelease.packages.npmrc import host

# The Chinese mirrors of npm under their old names; their certificates have run out, the service
# went on elsewhere.
RETIRED_HOSTS = r"(?:registry\.npm\.taobao\.org|registry\.nlark\.com|(?:r|registry)\.cnpmjs\.org)"


@dataclass(frozen=True)
class Registries:
    """The addresses of the registries of one install.

    `scopes` are those of single scopes, named without "@"; `others` are hosts, with their ports,
    that the settings hold a login for.
    """

    default: str
    scopes: Mapping[str, str] = field(default_factory=dict)
    others: frozenset[str] = frozenset()

    def of(self, package: str) -> str:
        """Return the registry of a package, without a slash at its end."""
        scope = package[1:].partition("/")[0] if package.startswith("@") else ""
        registry = self.scopes.get(scope, self.default)
        return (self.default if is_retired(registry) else registry).rstrip("/")

    def uses(self, url: str) -> bool:
        """Tell whether an address is on the host of one of them."""
        hosts = {place(each) for each in (self.default, *self.scopes.values())}
        return place(url) in hosts | self.others


def is_retired(address: str) -> bool:
    """Tell whether an address is on a mirror that has ceased to exist."""
    return bool(re.fullmatch(RETIRED_HOSTS, place(address)))


def place(url: str) -> str:
    """Return host and port of an address in lower case; nothing when it has none."""
    match = re.match(r"(?:\w+:)?//(?:[^/@]*@)?([^/?#]+)", url)
    return match[1].lower() if match else ""


def of_npm(config: str, npmrcs: Iterable[str]) -> Registries | None:
    """Return what npm says of itself (`npm config list --json`), None where that says nothing.

    `npmrcs` are the contents of the .npmrc files, from which npm does not show the logins.
    """
    said = _between_braces(config)
    default = said.get("registry")
    if not isinstance(default, str) or not host(default):
        return None
    named = {name: value for name, value in said.items() if isinstance(value, str)}
    return Registries(default, npmrc.scopes(named), _with_login(npmrcs))


def of_yarn_berry(
    rcs: Iterable[Mapping[str, object]], default: str, npmrcs: Iterable[str]
) -> Registries:
    """Return what yarn >= 2 is told by its files, the most important one last."""
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
    """Return what yarn 1 is told by its .yarnrc, which goes before the settings of npm."""
    match = re.search(r'^[ \t]*"?registry"?[ \t]+"?([^"\s]+)', yarnrc, re.MULTILINE)
    return Registries(match[1], others.scopes, others.others) if match else others


def _with_login(npmrcs: Iterable[str]) -> frozenset[str]:
    return frozenset(place(each) for text in npmrcs for each in npmrc.places(text))


def _between_braces(text: str) -> Mapping[str, object]:
    """Return the JSON object in an output that may have warnings around it."""
    try:
        said = json.loads(text[text.index("{") : text.rindex("}") + 1])
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
