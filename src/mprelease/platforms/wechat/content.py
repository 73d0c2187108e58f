"""What miniprogram-ci needs to find in a folder."""

import json
import os
from pathlib import Path, PurePosixPath

from mprelease.domain.apps import ProjectType
from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.process import plain_files

_CONFIG = "project.config.json"
_MARKS = {
    ProjectType.MINI_PROGRAM: "app.json",
    ProjectType.MINI_GAME: "game.json",
    ProjectType.MINI_PROGRAM_PLUGIN: "plugin.json",
    ProjectType.MINI_GAME_PLUGIN: "plugin.json",
}
# What WeChat's developer tool chooses for a new project. Without the file the tool would compile
# nothing to ES5 and minify nothing.
_DEFAULTS = {"setting": {"es6": True, "enhance": True, "postcss": True, "minified": True}}
# What reading a file of JSON that anybody wrote may raise; the last for too deep a nesting.
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


def require_content(folder: Path, project_type: ProjectType) -> None:
    """Raise StageFailed(OUTPUT_NOT_A_MINI_PROGRAM) unless the tool can publish a folder."""
    plugin = project_type in {ProjectType.MINI_PROGRAM_PLUGIN, ProjectType.MINI_GAME_PLUGIN}
    root = _root(folder, "pluginRoot" if plugin else "miniprogramRoot")
    mark = root / _MARKS[project_type]
    if not (folder / mark).is_file():
        raise StageFailed(Problem.OUTPUT_NOT_A_MINI_PROGRAM, file=str(mark))


def require_page(folder: Path, page: str) -> None:
    """Raise StageFailed(START_PAGE_UNKNOWN) unless a mini program declares a page.

    WeChat would accept the preview, and open nothing.
    """
    declared = _pages(folder / _root(folder, "miniprogramRoot") / "app.json")
    if declared and page not in declared:
        raise StageFailed(Problem.START_PAGE_UNKNOWN, page=page, example=declared[0])


def add_config(folder: Path) -> None:
    """Give a folder without project.config.json one with the settings of a new project."""
    config = folder / _CONFIG
    if not os.path.lexists(config):
        config.write_text(json.dumps(_DEFAULTS, indent=2) + "\n", encoding="utf-8")


def _pages(manifest: Path) -> list[str]:
    """Return the pages of app.json, of its sub packages too; none where it cannot be read."""
    try:
        app = json.loads(plain_files.text(manifest) or "")
        packages = [*app.get("subPackages", []), *app.get("subpackages", [])]
        inside = [(each["root"].strip("/"), page) for each in packages for page in each["pages"]]
        return [*app["pages"], *(f"{root}/{page}" for root, page in inside)]
    except _UNREADABLE:
        return []  # The tool itself will say what is wrong with it.


def _root(folder: Path, name: str) -> PurePosixPath:
    """Return a root as the tool reads it: it drops every "..", so none leads outside."""
    config = folder / _CONFIG
    if not os.path.lexists(config):
        return PurePosixPath()
    try:
        content = json.loads(plain_files.text(config) or "")
        path = str(content.get(name) or "")
    except _UNREADABLE:
        raise StageFailed(Problem.OUTPUT_NOT_A_MINI_PROGRAM, file=_CONFIG) from None
    return PurePosixPath(*(part for part in path.split("/") if part not in {"", ".", ".."}))
