"""Install the versions of package managers that projects require, from npm, once each."""

import os
import secrets
import time
from collections.abc import Sequence
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.packages import manifests
from mprelease.packages.install_plan import Manager
from mprelease.packages.manager_versions import engines_of, unfit_node
from mprelease.pipeline.registry_npm import registry_npm
from mprelease.pipeline.run import Run
from mprelease.process.copying import seal_tree
from mprelease.process.removal import remove
from mprelease.workspace.retention import drop_oldest


def installed(run: Run, wanted: Sequence[Manager]) -> tuple[Path, ...]:
    """Return the folders whose `node_modules/.bin` contain the managers; install missing ones.

    Raise StageFailed(TOOL_INSTALL_FAILED or REGISTRY_UNREACHABLE), or MANAGER_NEEDS_NODE if one
    does not run on the app's Node.
    """
    managers = run.machine.layout.managers
    versions = [manager for manager in dict.fromkeys(wanted) if manager.version]
    found = tuple(_folder(run, manager) for manager in versions)
    for manager, folder in zip(versions, found, strict=True):
        _require_node(run, manager, folder)
        os.utime(folder)
    drop_oldest(managers, _KEPT, time.time())
    return found


# Any commit can require another version, and each takes about 15 MiB.
_KEPT = 24


def _require_node(run: Run, manager: Manager, folder: Path) -> None:
    manifest = manifests.parsed(folder / "node_modules" / manager.npm_package / "package.json")
    # The project may name a part of it only.
    version, node = str(manifest.get("version")), run.node.version
    if needed := unfit_node(manager.name, version, engines_of(manifest), node):
        raise StageFailed(
            Problem.MANAGER_NEEDS_NODE,
            manager=f"{manager.program} {version}",
            needed=needed,
            node=node,
        )


def _folder(run: Run, manager: Manager) -> Path:
    folder = run.machine.layout.managers / f"{manager.name}-{manager.version}"
    if not folder.exists():
        _install(run, manager, folder)
    return folder


def _install(run: Run, manager: Manager, folder: Path) -> None:
    draft = folder.with_name(f"{folder.name}.{secrets.token_hex(4)}")
    package = f"{manager.npm_package}@{manager.version}"
    run.log(f"$ npm install {package}")
    try:
        with registry_npm(run, draft) as npm:
            npm.require_registry()
            npm.must("install", "--no-save", package, tool=package, on_line=run.log)
        remove(draft / ".npm")
        seal_tree(draft, maker=npm.uid)
        draft.rename(folder)
    except OSError as error:
        # Another release was faster, or the disk is full.
        if not folder.exists():
            raise StageFailed(
                Problem.TOOL_INSTALL_FAILED, tool=package, detail=str(error)
            ) from error
    finally:
        remove(draft)
