"""Check a built folder for minidev, and remove from it what the tool would execute."""

import json
import os
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from mprelease.domain.apps import ProjectType
from mprelease.domain.errors import StageFailed
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Message, Problem
from mprelease.platforms.loaded_packages import MODULES, functions_left_out, missing
from mprelease.platforms.mini_programs import (
    UNREADABLE,
    as_tools_read,
    parsed,
    require_json,
    require_mini_program,
    require_served,
)
from mprelease.process import plain_files

_CONFIG = "mini.project.json"
# Keys by which a project makes the tool and its compiler run code. In format 2 of the file the
# tool reads "pluginResolution" as "debugOptions"; a "__proto__" can define any of them.
_HOOKS = ("scripts", "__proto__")
_OPTIONS = ("debugOptions", "pluginResolution")
_PLUGINS = ("plugins", "dynamicPlugins", "__proto__")


def require_content(folder: Path, project_type: ProjectType) -> None:
    """Raise StageFailed unless a folder contains a mini program built for Alipay."""
    require_served(project_type, Platform.ALIPAY)
    require_mini_program(folder, root_of(folder), Platform.ALIPAY)


def root_of(folder: Path) -> PurePosixPath:
    """Return the root by the tool's rules.

    Raise StageFailed(OUTPUT_NOT_A_MINI_PROGRAM) for a root outside of the folder, and with
    CONFIG_NOT_JSON or OUTPUT_NOT_A_MINI_PROGRAM for an invalid mini.project.json.
    """
    parts = [part for part in _named_root(folder).split("/") if part not in {"", "."}]
    if ".." in parts:
        raise StageFailed(Problem.OUTPUT_NOT_A_MINI_PROGRAM, file=_CONFIG)
    if not parts and (folder / "server").is_dir() and (folder / "client" / "app.json").is_file():
        return PurePosixPath("client")
    return PurePosixPath(*parts)


def take_out_hooks(folder: Path) -> None:
    """Remove the scripts and plugins that the tool would run from each mini.project.json.

    Which of these files the tool uses depends on others, so all are changed. A file that the tool
    might be able to parse, but mprelease cannot, is deleted.
    """
    for config in _configs(folder):
        text = plain_files.text(config)
        try:
            content = dict(as_tools_read(text or ""))
        except UNREADABLE as error:
            # The tool cannot parse invalid JSON either, and runs nothing.
            if text is None or isinstance(error, RecursionError):
                config.unlink()
            continue
        if (sanitized := _without_hooks(content)) != content:
            text = json.dumps(sanitized, ensure_ascii=False, indent=2)
            # A new file replaces it: the old one may be a hard link to a kept file.
            plain_files.write_private(config, f"{text}\n")


def left_out(folder: Path, packages: Collection[str]) -> tuple[Message, ...]:
    """Return warnings about npm packages, a plugin or cloud functions that were not published."""
    found = list[Message]()
    config = parsed(folder / _CONFIG)
    if names := missing(folder, folder / root_of(folder), packages, MODULES):
        found.append(Message("warning.packages_left_out", {"packages": ", ".join(names)}))
    if config.get("compileType") == "plugin":
        found.append(Message("warning.plugin_not_served", {"file": _CONFIG}))
    functions = config.get("serverlessRoot") or config.get("cloud")
    return (*found, *functions_left_out(folder, functions))


def _configs(folder: Path) -> Iterator[Path]:
    for here, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != MODULES]
        if _CONFIG in files:
            yield Path(here, _CONFIG)


def _without_hooks(config: dict[str, Any]) -> dict[str, Any]:
    sanitized = {name: value for name, value in config.items() if name not in _HOOKS}
    for name in _OPTIONS:
        options = sanitized.get(name)
        if isinstance(options, dict):
            sanitized[name] = {key: options[key] for key in options if key not in _PLUGINS}
    return sanitized


def _named_root(folder: Path) -> str:
    config = folder / _CONFIG
    if not os.path.lexists(config):
        return ""
    require_json(config)
    try:
        return str(json.loads(plain_files.text(config) or "").get("miniprogramRoot") or "")
    except UNREADABLE:
        raise StageFailed(Problem.OUTPUT_NOT_A_MINI_PROGRAM, file=_CONFIG) from None
