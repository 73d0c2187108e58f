"""Let the vendor's tool use what it has compiled before, and keep what it compiles."""

import hashlib
import json
import logging
from collections.abc import Iterable
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
from mprelease.workspace.layout import key_of, of_app

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeptCompile:
    """Where the results of one order are kept, and the order with their paths.

    `messages` are those kept with a result of the same files; None without such a result.
    """

    order: PublishOrder
    results: CompileResults
    result_key: str
    files_key: str
    messages: tuple[Message, ...] | None

    def keep(self, messages: tuple[Message, ...]) -> None:
        """Keep what the tool has compiled for the accepted order, if it has compiled."""
        written = (
            (self.result_key, self.order.new_result, messages),
            (self.files_key, self.order.new_files, ()),
        )
        for key, path, kept_with in written:
            try:
                if path:
                    self.results.keep(key, path, kept_with)
            except OSError as error:
                _log.warning("a compile result was not kept: %s", error)


def with_kept_compile(run: Run, order: PublishOrder) -> tuple[PublishOrder, KeptCompile | None]:
    """Return the order with the paths of earlier and new results, in the process's folder.

    Call it after `Driver.prepare`. The order is unchanged if the tool does not compile, or if the
    setting is off.
    """
    if not (run.driver.compiles and run.machine.keeps_compile_results):
        return order, None
    assert run.source is not None
    folder = run.machine.layout.compile_results / key_of(run.job.project.repository)
    results, inputs = CompileResults(folder), _inputs(run, order)
    trusted = tuple(dict.fromkeys((run.source.trust, run.source.default_trust)))

    def result_key(trust: str) -> str:
        # A result is worth no more than the single files' results that it may be made of.
        return _key_of(run, {**inputs, "made with files of": trust})

    kept = order.scratch / "kept-result"
    _, messages = _copied(run, results, map(result_key, ("", *trusted)), kept)
    given = replace(
        order,
        kept_result=None if messages is None else kept,
        new_result=order.scratch / "new-result",
    )
    if not run.machine.keeps_compiled_files:
        return given, KeptCompile(given, results, result_key(""), "", messages)
    files_keys = [_key_of(run, {**_compiler(run, order), "trust": trust}) for trust in trusted]
    kept_files = order.scratch / "kept-files"
    # With a result of the same files, single ones are needed only if it no longer holds.
    wanted = files_keys if messages is None else []
    found, _ = _copied(run, results, wanted, kept_files)
    given = replace(
        given,
        kept_files=None if found is None else kept_files,
        new_files=order.scratch / "new-files",
    )
    made_with = "" if found is None else trusted[found]
    return given, KeptCompile(given, results, result_key(made_with), files_keys[0], messages)


def _copied(
    run: Run, results: CompileResults, keys: Iterable[str], kept: Path
) -> tuple[int | None, tuple[Message, ...] | None]:
    """Copy the first result that exists; return the number of its key, and its messages.

    None of them if the release is to be built again.
    """
    if run.job.release.build_anew:
        return None, None
    for number, key in enumerate(keys):
        try:
            messages = results.copy(key, kept)
        except DamagedResult as damaged:
            _log.warning("a damaged compile result was removed: %s", damaged)
            run.recorder.warned(Message("warning.compile_result_damaged"))
            continue
        if messages is not None:
            return number, messages
    return None, None


def _inputs(run: Run, order: PublishOrder) -> dict[str, object]:
    """Return everything that can change what the tool compiles."""
    project = order.scratch / order.built.relative_to(order.scratch).parts[0]
    files = tree_digest(project, run.stop.raise_if_asked)
    linked = run.dependencies if files.has_linked_files else None
    return {
        **_compiler(run, order),
        "mprelease": __version__,
        "type": order.project_type,
        "settings": dict(order.compile_settings),
        "pack_npm": order.pack_npm,
        "packages": sorted(run.packages),
        "folder": str(order.built.relative_to(project)),
        "dependencies": list(linked.identity) if linked else [],
        "files": files.value,
    }


def _compiler(run: Run, order: PublishOrder) -> dict[str, object]:
    """Return what single files' results depend on, besides the file.

    The tool itself computes which of them belongs to which file, in a process that has read other
    content too: so they are for releases with the same trust, and those of the default branch for
    all releases of the app.
    """
    app, tool = run.job.app, run.driver.tool
    return {
        "bridges": _digest_of_bridges(),
        "tool": [tool.package, tool.version],
        "node": run.machine.node.version,
        "app": [app.id, app.platform, order.account.platform_app_id],
    }


def _key_of(run: Run, inputs: dict[str, object]) -> str:
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    return of_app(digest, run.job.app.id)


@cache
def _digest_of_bridges() -> str:
    return tree_digest(BRIDGES).value
