"""Let the vendor's tool use what it has compiled for the same files, and keep what it compiles."""

import hashlib
import json
import logging
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from mprelease import __version__
from mprelease.domain.problems import Message
from mprelease.pipeline.run import Run
from mprelease.platforms.driver import PublishOrder
from mprelease.platforms.tools import BRIDGES
from mprelease.process.tree_digest import tree_digest
from mprelease.workspace.compile_results import CompileResults, DamagedResult
from mprelease.workspace.layout import key_of

_log = logging.getLogger(__name__)
_KEPT = "kept-result"
_NEW = "new-result"


@dataclass(frozen=True)
class KeptCompile:
    """The result for one order: `messages` are those kept with an earlier one, None without it."""

    results: CompileResults
    key: str
    new: Path
    messages: tuple[Message, ...] | None

    def keep(self, messages: tuple[Message, ...]) -> None:
        """Keep what the tool has compiled for the accepted order, if it has compiled."""
        try:
            self.results.keep(self.key, self.new, messages)
        except OSError as error:
            _log.warning("a compile result was not kept: %s", error)


def with_kept_compile(run: Run, order: PublishOrder) -> tuple[PublishOrder, KeptCompile | None]:
    """Return the order with the paths of an earlier and a new result, in the process's folder.

    Call it after `Driver.prepare`. The order is unchanged if the tool does not compile, or if the
    setting is off. A release that is to be built again uses no earlier result.
    """
    if not (run.driver.compiles and run.machine.keeps_compile_results):
        return order, None
    folder = run.machine.layout.compile_results / key_of(run.job.project.repository)
    results, key = CompileResults(folder), _key(run, order)
    kept, new = order.scratch / _KEPT, order.scratch / _NEW
    messages = None if run.job.release.build_anew else _copied(run, results, key, kept)
    given = replace(order, kept_result=kept if messages is not None else None, new_result=new)
    return given, KeptCompile(results, key, new, messages)


def _copied(run: Run, results: CompileResults, key: str, kept: Path) -> tuple[Message, ...] | None:
    try:
        return results.copy(key, kept)
    except DamagedResult as damaged:
        _log.warning("a damaged compile result was removed: %s", damaged)
        run.recorder.warned(Message("warning.compile_result_damaged"))
        return None


def _key(run: Run, order: PublishOrder) -> str:
    """Return the key of a compile: everything that can change what the tool compiles."""
    app, tool = run.job.app, run.driver.tool
    project = order.scratch / order.built.relative_to(order.scratch).parts[0]
    inputs = {
        "mprelease": __version__,
        "bridges": _digest_of_bridges(),
        "tool": [tool.package, tool.version],
        "node": run.machine.node.version,
        "app": [app.id, app.platform, order.account.platform_app_id],
        "type": order.project_type,
        "settings": dict(order.compile_settings),
        "pack_npm": order.pack_npm,
        "packages": sorted(run.packages),
        "folder": str(order.built.relative_to(project)),
        "dependencies": list(run.dependencies.identity) if run.dependencies else [],
        "files": tree_digest(project, run.stop.raise_if_asked),
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


@cache
def _digest_of_bridges() -> str:
    return tree_digest(BRIDGES)
