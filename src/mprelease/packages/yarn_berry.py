"""What yarn >= 2 ("berry") is told: it reads neither npm's settings nor the proxy variables.

Measured with 2.4.2, 3.8.7 and 4.18.1. Each of them refuses to run when a variable names a setting
that it does not know, so that only such variables are set as all of them know.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from mprelease.packages import manifests
from mprelease.packages.install_plan import Install, ManagerName
from mprelease.packages.install_view import MODULES
from mprelease.packages.npmrc import host

DEFAULT_REGISTRY = "https://registry.yarnpkg.com"
"""Where yarn takes packages from unless it is told otherwise."""
PLUG_AND_PLAY = (".pnp.cjs", ".pnp.js", ".pnp.loader.mjs", ".pnp.data.json")
"""What Plug'n'Play leaves at the root of a project; `yarn run` obeys it wherever it lies."""


def is_berry(install: Install) -> bool:
    """Tell whether an install is one of yarn >= 2."""
    return install.manager.name is ManagerName.YARN_BERRY


def wants_plug_and_play(install: Install) -> bool:
    """Tell whether yarn >= 2 would install into archives, as it does unless told otherwise."""
    return is_berry(install) and _setting(install, "nodeLinker") in {None, "pnp"}


def names_proxies(install: Install) -> bool:
    """Tell whether the project has proxies of its own, which yarn >= 2 alone goes through."""
    return any(_setting(install, name) for name in ("httpProxy", "httpsProxy"))


def variables(
    install: Install, folder: Path, environment: Mapping[str, str], registry: str | None
) -> Mapping[str, str]:
    """Return what every call of yarn >= 2 needs, at install and build alike; else nothing.

    `folder` is where yarn finds the folder of the install. `environment` may name proxies.
    `registry` is the installation's own, which goes before the project's as it does with npm.
    """
    if not is_berry(install):
        return {}
    return {
        **_layout(install, folder),
        **_registry(registry),
        **_proxies(install, environment, registry),
    }


def _layout(install: Install, folder: Path) -> Mapping[str, str]:
    # `yarn run` wants the state of the install, so it is kept together with what was installed.
    told = {"YARN_INSTALL_STATE_PATH": str(folder / MODULES / ".yarn-install-state.gz")}
    if wants_plug_and_play(install):
        # Builds find their programs, and vendors' tools find npm modules, in node_modules alone.
        told["YARN_NODE_LINKER"] = "node-modules"
    if not _brings_its_cache(install):
        # In HOME, from where the next install takes it; in the tree it would be cleaned away.
        told["YARN_ENABLE_GLOBAL_CACHE"] = "true"
    if _setting(install, "nmMode") == "hardlinks-global":
        # Such links would let a build write into the store, from where others install.
        told["YARN_NM_MODE"] = "hardlinks-local"
    return told


def _brings_its_cache(install: Install) -> bool:
    committed = (install.folder / ".yarn" / "cache").is_dir()
    return committed or _setting(install, "cacheFolder") is not None


def _registry(registry: str | None) -> Mapping[str, str]:
    if registry is None:
        return {}
    told = {"YARN_NPM_REGISTRY_SERVER": registry.rstrip("/")}
    if registry.startswith("http://"):
        told["YARN_UNSAFE_HTTP_WHITELIST"] = host(registry)
    return told


def _proxies(
    install: Install, environment: Mapping[str, str], registry: str | None
) -> Mapping[str, str]:
    address = registry or _setting(install, "npmRegistryServer") or DEFAULT_REGISTRY
    said = {name.lower(): value for name, value in sorted(environment.items()) if value}
    # yarn knows no exceptions: what counts is whether the registry is one.
    if _is_exempt(host(address), said.get("no_proxy", "")):
        return {}
    names = ("http_proxy", "https_proxy")
    return {f"YARN_{name.upper()}": said[name] for name in names if name in said}


def _is_exempt(server: str, no_proxy: str) -> bool:
    names = [name.partition(":")[0].lstrip(".") for name in re.split(r"[\s,]+", no_proxy) if name]
    return any(name in {"*", server} or server.endswith(f".{name}") for name in names)


def _setting(install: Install, name: str) -> str | None:
    value = manifests.parsed_yaml(install.folder / ".yarnrc.yml").get(name)
    return value if isinstance(value, str) else None
