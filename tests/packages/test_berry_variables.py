from collections.abc import Mapping
from pathlib import Path

import pytest

from mprelease.packages import yarn_berry
from mprelease.packages.install_plan import Install, find
from trees import write

REGISTRY = "https://npm.example.com/"


def install(tree: Path, rc: str = "", manager: str = "yarn@4.18.1") -> Install:
    write(tree, "package.json", {"packageManager": manager})
    write(tree, ".yarnrc.yml", rc)
    found = find(tree, ".", "20.0.0")
    assert found
    return found


def variables_of(
    install: Install, environment: Mapping[str, str] | None = None, registry: str | None = None
) -> Mapping[str, str]:
    return yarn_berry.variables(install, install.folder, environment or {}, registry)


@pytest.mark.parametrize("manager", ["yarn@1.22.22", "pnpm@9.15.9", "npm@11.0.0"])
def test_other_managers_are_told_nothing(tmp_path: Path, manager: str) -> None:
    other = install(tmp_path, manager=manager)
    assert variables_of(other, {"https_proxy": "http://proxy"}, REGISTRY) == {}
    assert not yarn_berry.wants_plug_and_play(other)


@pytest.mark.parametrize(
    "rc", ["", "nodeLinker: pnp\n", '{"nodeLinker": "pnp"}', "a: b\nnodeLinker: 'pnp' # fast\n"]
)
def test_plug_and_play_gives_way_to_node_modules(tmp_path: Path, rc: str) -> None:
    project = install(tmp_path, rc)
    assert yarn_berry.wants_plug_and_play(project)
    assert variables_of(project)["YARN_NODE_LINKER"] == "node-modules"


@pytest.mark.parametrize("linker", ["node-modules", "pnpm", '"pnpm"', "\n  node-modules"])
def test_a_linker_with_node_modules_stays(tmp_path: Path, linker: str) -> None:
    project = install(tmp_path, f"nodeLinker: {linker}\n")
    assert not yarn_berry.wants_plug_and_play(project)
    assert "YARN_NODE_LINKER" not in variables_of(project)


def test_the_state_of_an_install_is_kept_with_it(tmp_path: Path) -> None:
    state = tmp_path / "node_modules" / ".yarn-install-state.gz"
    assert variables_of(install(tmp_path))["YARN_INSTALL_STATE_PATH"] == str(state)


def test_downloads_go_into_home(tmp_path: Path) -> None:
    assert variables_of(install(tmp_path))["YARN_ENABLE_GLOBAL_CACHE"] == "true"


def test_downloads_that_were_committed_are_used(tmp_path: Path) -> None:
    write(tmp_path, ".yarn/cache/is-number.zip")
    assert "YARN_ENABLE_GLOBAL_CACHE" not in variables_of(install(tmp_path))
    elsewhere = install(tmp_path / "other", "cacheFolder: ./vendor\n")
    assert "YARN_ENABLE_GLOBAL_CACHE" not in variables_of(elsewhere)


@pytest.mark.parametrize(
    ("rc", "mode"),
    [
        ("nmMode: hardlinks-global\n", "hardlinks-local"),
        ("nmMode: hardlinks-local\n", None),
        ("", None),
    ],
)
def test_no_link_leads_into_the_store(tmp_path: Path, rc: str, mode: str | None) -> None:
    assert variables_of(install(tmp_path, rc)).get("YARN_NM_MODE") == mode


def test_the_registry_of_the_installation_goes_before_the_project_s(tmp_path: Path) -> None:
    project = install(tmp_path, "npmRegistryServer: https://registry.example.org\n")
    assert "YARN_NPM_REGISTRY_SERVER" not in variables_of(project)
    variables = variables_of(project, registry=REGISTRY)
    assert variables["YARN_NPM_REGISTRY_SERVER"] == "https://npm.example.com"
    assert "YARN_UNSAFE_HTTP_WHITELIST" not in variables


def test_a_registry_without_tls_is_allowed_by_name(tmp_path: Path) -> None:
    variables = variables_of(install(tmp_path), registry="http://127.0.0.1:4873/npm/")
    assert variables["YARN_NPM_REGISTRY_SERVER"] == "http://127.0.0.1:4873/npm"
    assert variables["YARN_UNSAFE_HTTP_WHITELIST"] == "127.0.0.1"


def test_the_machine_s_proxies_are_handed_on(tmp_path: Path) -> None:
    environment = {"HTTP_PROXY": "http://one", "https_proxy": "http://two", "no_proxy": ".corp"}
    variables = variables_of(install(tmp_path), environment)
    assert variables["YARN_HTTP_PROXY"] == "http://one"
    assert variables["YARN_HTTPS_PROXY"] == "http://two"


@pytest.mark.parametrize(
    ("rc", "registry", "exceptions"),
    [
        ("", "http://npm.corp:4873", "localhost,.corp"),
        ("", "http://npm.corp:4873", "npm.corp:4873"),
        ("npmRegistryServer: 'https://npm.corp'\n", None, "localhost corp"),
        ("", None, "*"),
        ("npmRegistryServer: http://[\n", None, "*"),
    ],
)
def test_a_registry_that_needs_no_proxy_gets_none(
    tmp_path: Path, rc: str, registry: str | None, exceptions: str
) -> None:
    environment = {"HTTPS_PROXY": "http://two", "NO_PROXY": exceptions}
    assert "YARN_HTTPS_PROXY" not in variables_of(install(tmp_path, rc), environment, registry)


@pytest.mark.parametrize("exceptions", ["", "other.corp", "pm.corp"])
def test_a_registry_that_is_no_exception_gets_the_proxy(tmp_path: Path, exceptions: str) -> None:
    environment = {"HTTPS_PROXY": "http://two", "NO_PROXY": exceptions}
    variables = variables_of(install(tmp_path), environment, "https://npm.corp")
    assert variables["YARN_HTTPS_PROXY"] == "http://two"
