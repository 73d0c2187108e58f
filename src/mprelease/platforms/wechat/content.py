"""Check a built folder for miniprogram-ci, and complete its configuration."""

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
_MAIN_FILES = {
    ProjectType.MINI_GAME: "game.json",
    ProjectType.MINI_PROGRAM_PLUGIN: "plugin.json",
    ProjectType.MINI_GAME_PLUGIN: "plugin.json",
}
# The defaults of WeChat's developer tool for a new project. Without the file miniprogram-ci would
# neither compile to ES5 nor minify.
_DEFAULTS = {"setting": {"es6": True, "enhance": True, "postcss": True, "minified": True}}


def require_content(folder: Path, project_type: ProjectType) -> None:
    """Raise StageFailed unless a folder contains a project of this type, built for WeChat."""
    if project_type is ProjectType.MINI_PROGRAM:
        require_mini_program(folder, root_of(folder), Platform.WECHAT)
        return
    plugin = project_type is not ProjectType.MINI_GAME
    root = root_of(folder, "pluginRoot" if plugin else "miniprogramRoot")
    main_file = root / _MAIN_FILES[project_type]
    if not (folder / main_file).is_file():
        raise StageFailed(Problem.OUTPUT_NOT_A_MINI_PROGRAM, file=str(main_file))


def root_of(folder: Path, name: str = "miniprogramRoot") -> PurePosixPath:
    """Return a root by the tool's rules: it drops every "..", so the root is inside the folder.

    `name` is the key in project.config.json. Raise StageFailed(CONFIG_NOT_JSON), or
    StageFailed(OUTPUT_NOT_A_MINI_PROGRAM).
    """
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
    """Raise StageFailed(PROJECT_PATH_OUTSIDE) for a path of npm packing outside of the project.

    Symbolic links are checked by the bridge, immediately before it packs.
    """
    for config in (_CONFIG, _PRIVATE_CONFIG):
        for path in _packing_paths(folder / config):
            if posixpath.normpath(path.lstrip("/")).split("/")[0] == "..":
                raise StageFailed(Problem.PROJECT_PATH_OUTSIDE, path=path, detail=config)


def bring_packages(folder: Path) -> None:
    """Move npm packages from outside of the root into it, if the code needs them there.

    The tool packs only packages of the root, unless the configuration has a list of its own
    (`packNpmManually`); then nothing is moved.
    """
    setting = parsed(folder / _CONFIG).get("setting")
    if not (isinstance(setting, dict) and setting.get("packNpmManually")):
        bring_into(folder, folder / root_of(folder))


def left_out(
    folder: Path, project_type: ProjectType, packages: Collection[str]
) -> tuple[Message, ...]:
    """Return warnings about npm packages, a plugin or cloud functions that were not published."""
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
        return []  # The tool cannot read the list either.


def add_config(folder: Path) -> None:
    """Create project.config.json with the settings of a new project, unless it exists."""
    config = folder / _CONFIG
    if not os.path.lexists(config):
        config.write_text(json.dumps(_DEFAULTS, indent=2) + "\n", encoding="utf-8")


def filter_unused_files(folder: Path, *, wanted: bool) -> None:
    """Set both switches of the tool that omit files which no page needs; `wanted` omits them."""
    config = folder / _CONFIG
    try:
        content = json.loads(plain_files.text(config) or "")
        setting = {**(content.get("setting") or {}), **dict.fromkeys(_UNUSED_FILES, wanted)}
        content["setting"] = setting
        if content.get("miniprogramRoot") and not root_of(folder).parts:
            # With "./" the tool would not find app.json, without reporting an error.
            del content["miniprogramRoot"]
    except UNREADABLE:
        return  # The tool reports the error.
    # A new file replaces it: the old one may be a hard link to a kept file.
    plain_files.write_private(config, json.dumps(content, ensure_ascii=False, indent=2) + "\n")
