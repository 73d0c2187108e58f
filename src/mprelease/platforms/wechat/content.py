"""What miniprogram-ci needs to find in a folder."""

import json
import os
import posixpath
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from mprelease.domain.apps import ProjectType
from mprelease.domain.errors import StageFailed
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Message, Problem
from mprelease.platforms.loaded_packages import PACKED, bring_into, functions_left_out, missing
from mprelease.platforms.mini_programs import UNREADABLE, parsed, require_json, require_mini_program
from mprelease.process import plain_files

_CONFIG = "project.config.json"
_PRIVATE_CONFIG = "project.private.config.json"
_PACKING = ("packageJsonPath", "miniprogramNpmDistDir")
_UNUSED_FILES = ("ignoreUploadUnusedFiles", "ignoreDevUnusedFiles")
_MARKS = {
    ProjectType.MINI_GAME: "game.json",
    ProjectType.MINI_PROGRAM_PLUGIN: "plugin.json",
    ProjectType.MINI_GAME_PLUGIN: "plugin.json",
}
# What WeChat's developer tool chooses for a new project. Without the file the tool would compile
# nothing to ES5 and minify nothing.
_DEFAULTS = {"setting": {"es6": True, "enhance": True, "postcss": True, "minified": True}}


def require_content(folder: Path, project_type: ProjectType) -> None:
    """Raise StageFailed unless a folder holds what was built for WeChat, and is of a type."""
    if project_type is ProjectType.MINI_PROGRAM:
        require_mini_program(folder, root_of(folder), Platform.WECHAT)
        return
    plugin = project_type is not ProjectType.MINI_GAME
    mark = root_of(folder, "pluginRoot" if plugin else "miniprogramRoot") / _MARKS[project_type]
    if not (folder / mark).is_file():
        raise StageFailed(Problem.OUTPUT_NOT_A_MINI_PROGRAM, file=str(mark))


def root_of(folder: Path, name: str = "miniprogramRoot") -> PurePosixPath:
    """Return a root as the tool reads it: it drops every "..", so none leads outside."""
    config = folder / _CONFIG
    if not os.path.lexists(config):
        return PurePosixPath()
    require_json(config)
    try:
        content = json.loads(plain_files.text(config) or "")
        path = str(content.get(name) or "")
    except UNREADABLE:
        raise StageFailed(Problem.OUTPUT_NOT_A_MINI_PROGRAM, file=_CONFIG) from None
    return PurePosixPath(*(part for part in path.split("/") if part not in {"", ".", ".."}))


def require_inside(folder: Path) -> None:
    """Raise StageFailed(PROJECT_PATH_OUTSIDE) where npm packages would come from or go elsewhere.

    Where a link leads is the bridge's to find out; it looks right before it packs.
    """
    for config in (_CONFIG, _PRIVATE_CONFIG):
        for path in _packing_paths(folder / config):
            if posixpath.normpath(path.lstrip("/")).split("/")[0] == "..":
                raise StageFailed(Problem.PROJECT_PATH_OUTSIDE, path=path, detail=config)


def bring_packages(folder: Path) -> None:
    """Let the tool pack npm packages whose package.json lies outside of the root.

    It packs what lies inside, or what a list in the configuration names; without either the code
    would miss them.
    """
    setting = parsed(folder / _CONFIG).get("setting")
    if not (isinstance(setting, dict) and setting.get("packNpmManually")):
        bring_into(folder, folder / root_of(folder))


def left_out(
    folder: Path, project_type: ProjectType, packages: Collection[str]
) -> tuple[Message, ...]:
    """Say what was not published: npm packages, the plugin of a plugin project, functions."""
    found = list[Message]()
    root, config = folder / root_of(folder), parsed(folder / _CONFIG)
    if names := missing(root, root, packages, PACKED):
        found.append(Message("warning.packages_left_out", {"packages": ", ".join(names)}))
    if config.get("compileType") == "plugin" and project_type is ProjectType.MINI_PROGRAM:
        parameters = {"type": ProjectType.MINI_PROGRAM_PLUGIN.value, "file": _CONFIG}
        found.append(Message("warning.plugin_left_out", parameters))
    return (*found, *functions_left_out(folder, config.get("cloudfunctionRoot")))


def _packing_paths(config: Path) -> list[str]:
    try:
        setting = json.loads(plain_files.text(config) or "")["setting"]
        relations = setting["packNpmRelationList"]
        return [str(one[name]) for one in relations for name in _PACKING if one.get(name)]
    except UNREADABLE:
        return []  # The tool finds nothing to pack there either.


def add_config(folder: Path) -> None:
    """Give a folder without project.config.json one with the settings of a new project."""
    config = folder / _CONFIG
    if not os.path.lexists(config):
        config.write_text(json.dumps(_DEFAULTS, indent=2) + "\n", encoding="utf-8")


def filter_unused_files(folder: Path, *, wanted: bool) -> None:
    """Let the tool leave out the files that no page needs, or keep them: both of its switches."""
    config = folder / _CONFIG
    try:
        content = json.loads(plain_files.text(config) or "")
        setting = {**(content.get("setting") or {}), **dict.fromkeys(_UNUSED_FILES, wanted)}
        content["setting"] = setting
        if content.get("miniprogramRoot") and not root_of(folder).parts:
            del content["miniprogramRoot"]  # With "./" the tool would find no app.json, and go on.
    except UNREADABLE:
        return  # The tool refuses it in words of its own.
    # A new file in its place: the old one may be a second name of a file that is kept.
    plain_files.write_private(config, json.dumps(content, ensure_ascii=False, indent=2) + "\n")
