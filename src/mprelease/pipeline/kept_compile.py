"""Let the vendor's tool use what it has compiled before, and keep what it compiles."""

import hashlib
import json
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from mprelease import __version__
from mprelease.domain.problems import Message
from mprelease.pipeline.run import Run
from mprelease.platforms.driver import PublishOrder
from mprelease.platforms.tools import BRIDGES
from mprelease.process import plain_files
from mprelease.process.tree_digest import tree_digest
from mprelease.workspace.compile_results import CompileResults, DamagedResult
from mprelease.workspace.dependency_sets import MODULES
from mprelease.workspace.layout import key_of, of_app

_log = logging.getLogger(__name__)
_FILES = "files"


@dataclass(frozen=True)
class KeptCompile:
    """Where the results of one order are kept, by file that the process may write.

    `messages` are those kept with a result of the same files; None without such a result.
    """

    results: CompileResults
    result: tuple[str, Path]
    others: tuple[tuple[str, Path], ...]
    messages: tuple[Message, ...] | None

    def keep(self, messages: tuple[Message, ...]) -> None:
        """Keep what the tool has compiled and packed for the accepted order, if it has."""
        key, path = self.result
        written = ((key, path, messages), *((key, path, ()) for key, path in self.others))
        for key, path, kept_with in written:
            try:
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

    kept, new_result = order.scratch / "kept-result", order.scratch / "new-result"
    _, messages = _copied(run, results, map(result_key, ("", *trusted)), kept)
    given = replace(order, kept_result=None if messages is None else kept, new_result=new_result)
    if not run.machine.keeps_compiled_files:
        return given, KeptCompile(results, (result_key(""), new_result), (), messages)
    others, used = list[tuple[str, Path]](), set[str]()
    for name, of_part in _parts(run, order).items():
        keys = [_key_of(run, {**of_part, "trust": trust}) for trust in trusted]
        kept, new = order.scratch / f"kept-{name}", order.scratch / f"new-{name}"
        # With a result of the same files, parts are needed only if it no longer holds.
        found, _ = _copied(run, results, keys if messages is None else [], kept)
        if found is not None:
            used.add(trusted[found])
        there = None if found is None else kept
        if name == _FILES:
            given = replace(given, kept_files=there, new_files=new)
        else:
            given = replace(given, kept_packs=there, new_packs=new)
        others.append((keys[0], new))
    # The first that was used is the least trusted one.
    made_with = next((trust for trust in trusted if trust in used), "")
    return given, KeptCompile(results, (result_key(made_with), new_result), tuple(others), messages)


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
    project = _project(order)
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


def _parts(run: Run, order: PublishOrder) -> dict[str, dict[str, object]]:
    """Return what the results of parts depend on: those of single files, and of npm packages."""
    compiler = _compiler(run, order)
    packed = _packed(run, order) if order.pack_npm else None
    return {_FILES: compiler, **({} if packed is None else {"packs": {**compiler, "of": packed}})}


def _packed(run: Run, order: PublishOrder) -> list[object] | None:
    """Return everything that npm packing reads: manifests, configuration and packages.

    Packs of packages that read other files of the project are not written by the process. None if
    a manifest is no plain file.
    """
    project = _project(order)
    names = ("package.json", "project.config.json", "project.private.config.json")
    found = list[object]([order.project_type])
    has_linked_files = False
    for path, folders, files in os.walk(project):
        run.stop.raise_if_asked()
        folder = Path(path)
        folders[:] = sorted(set(folders) - {".git", "miniprogram_npm"})
        for name in sorted(set(files).intersection(names)):
            text = plain_files.text(folder / name)
            if text is None:
                return None
            found.append([str(folder.relative_to(project)), name, text])
        if MODULES in folders:
            folders.remove(MODULES)
            packages = tree_digest(folder / MODULES, run.stop.raise_if_asked)
            has_linked_files |= packages.has_linked_files
            found.append([str(folder.relative_to(project)), MODULES, packages.value])
    linked = run.dependencies if has_linked_files else None
    return [*found, list(linked.identity) if linked else []]


def _project(order: PublishOrder) -> Path:
    return order.scratch / order.built.relative_to(order.scratch).parts[0]


def _compiler(run: Run, order: PublishOrder) -> dict[str, object]:
    """Return what results of parts depend on, besides the part.

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
