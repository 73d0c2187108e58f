"""Settings of yarn >= 2 ("berry"), which reads neither npm's settings nor the proxy variables.

Measured with 2.4.2, 3.8.7 and 4.18.1. Each of them refuses to run if a variable names a setting
that it does not define, so only variables that all of them define are set.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from mprelease.packages import manifests
from mprelease.packages.install_plan import Install, ManagerName
from mprelease.packages.install_view import MODULES
from mprelease.packages.npmrc import host

DEFAULT_REGISTRY = "https://registry.yarnpkg.com"
"""yarn's default registry."""
PLUG_AND_PLAY = (".pnp.cjs", ".pnp.js", ".pnp.loader.mjs", ".pnp.data.json")
"""The files of Plug'n'Play at the root of a project; `yarn run` loads them wherever they are."""


def is_berry(install: Install) -> bool:
    """Return whether an install uses yarn >= 2."""
    return install.manager.name is ManagerName.YARN_BERRY


def wants_plug_and_play(install: Install) -> bool:
    """Return whether yarn >= 2 would use Plug'n'Play, which is its default."""
    return is_berry(install) and _setting(install, "nodeLinker") in {None, "pnp"}


def names_proxies(install: Install) -> bool:
    """Return whether the project's settings of yarn >= 2 name proxies."""
    return any(_setting(install, name) for name in ("httpProxy", "httpsProxy"))


def variables(
    install: Install, folder: Path, environment: Mapping[str, str], registry: str | None
) -> Mapping[str, str]:
    """Return the variables for every call of yarn >= 2, at install and build; else none.

    `folder` is the path of the install's folder for yarn. `environment` may name proxies.
    `registry` is the one of mprelease's settings, which overrides the project's, as with npm.
    """
    if not is_berry(install):
        return {}
    return {
        **_layout(install, folder),
        **_registry(registry),
        **_proxies(install, environment, registry),
    }


def _layout(install: Install, folder: Path) -> Mapping[str, str]:
    # `yarn run` needs the state of the install, so it is stored within the installed packages.
    chosen = {"YARN_INSTALL_STATE_PATH": str(folder / MODULES / ".yarn-install-state.gz")}
    if wants_plug_and_play(install):
        # Builds find programs, and vendors' tools find npm packages, in node_modules only.
        chosen["YARN_NODE_LINKER"] = "node-modules"
    if not _has_own_cache(install):
        # The cache in HOME is kept for the next install; one in the tree would be removed.
        chosen["YARN_ENABLE_GLOBAL_CACHE"] = "true"
    if _setting(install, "nmMode") == "hardlinks-global":
        # With global hard links a build could change the store, which other installs use.
        chosen["YARN_NM_MODE"] = "hardlinks-local"
    return chosen


def _has_own_cache(install: Install) -> bool:
    committed = (install.folder / ".yarn" / "cache").is_dir()
    return committed or _setting(install, "cacheFolder") is not None


def _registry(registry: str | None) -> Mapping[str, str]:
    if registry is None:
        return {}
    chosen = {"YARN_NPM_REGISTRY_SERVER": registry.rstrip("/")}
    if registry.startswith("http://"):
        chosen["YARN_UNSAFE_HTTP_WHITELIST"] = host(registry)
    return chosen


def _proxies(
    install: Install, environment: Mapping[str, str], registry: str | None
) -> Mapping[str, str]:
    address = registry or _setting(install, "npmRegistryServer") or DEFAULT_REGISTRY
    lower = {name.lower(): value for name, value in sorted(environment.items()) if value}
    # yarn supports no `no_proxy`: the proxies are omitted if the registry is exempt.
    if _is_exempt(host(address), lower.get("no_proxy", "")):
        return {}
    names = ("http_proxy", "https_proxy")
    return {f"YARN_{name.upper()}": lower[name] for name in names if name in lower}


def _is_exempt(server: str, no_proxy: str) -> bool:
    names = [name.partition(":")[0].lstrip(".") for name in re.split(r"[\s,]+", no_proxy) if name]
    return any(name in {"*", server} or server.endswith(f".{name}") for name in names)


def _setting(install: Install, name: str) -> str | None:
    value = manifests.parsed_yaml(install.folder / ".yarnrc.yml").get(name)
    return value if isinstance(value, str) else None
