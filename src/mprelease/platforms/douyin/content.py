"""Check a built folder for tt-ide-cli, and complete its configuration."""

import json
import os
from pathlib import Path, PurePosixPath
from typing import Any

from mprelease.domain.apps import ProjectType
from mprelease.domain.errors import StageFailed
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.platforms.mini_programs import (
    UNREADABLE,
    require_json,
    require_mini_program,
    require_served,
)
from mprelease.process import plain_files

_CONFIG = "project.config.json"
# The tool's defaults for a project without settings (DEFAULT_PROJECT_CONFIG in 0.1.33).
_DEFAULTS = {
    "setting": {
        "urlCheck": True,
        "es6": True,
        "postcss": True,
        "minified": True,
        "newFeature": True,
    }
}


def require_content(folder: Path, project_type: ProjectType) -> None:
    """Raise StageFailed unless a folder contains a mini program built for Douyin."""
    require_served(project_type, Platform.DOUYIN)
    require_mini_program(folder, root_of(folder), Platform.DOUYIN)


def root_of(folder: Path) -> PurePosixPath:
    """Return the root that the tool packs.

    Raise StageFailed(OUTPUT_NOT_A_MINI_PROGRAM) for a root outside of the folder, and with
    CONFIG_NOT_JSON or OUTPUT_NOT_A_MINI_PROGRAM for an invalid project.config.json.
    """
    parts = str(_config(folder).get("miniprogramRoot") or "").split("/")
    if ".." in parts:
        # The tool would follow it out of the folder.
        raise StageFailed(Problem.OUTPUT_NOT_A_MINI_PROGRAM, file=_CONFIG)
    return PurePosixPath(*(part for part in parts if part))


def name_app(folder: Path, app_id: str) -> None:
    """Set the app id in project.config.json; create the file if it is missing.

    The tool publishes to the app id in this file, and prefers `ttappid` to `appid`.
    """
    config = {**_config(folder), "appid": app_id}
    config.pop("ttappid", None)
    text = json.dumps(config, ensure_ascii=False, indent=2)
    # A new file replaces it: the old one may be a hard link to a kept file.
    plain_files.write_private(folder / _CONFIG, f"{text}\n")


def _config(folder: Path) -> dict[str, Any]:
    path = folder / _CONFIG
    if not os.path.lexists(path):
        return dict(_DEFAULTS)
    require_json(path)
    try:
        content = json.loads(plain_files.text(path) or "")
    except UNREADABLE:
        content = None
    if not isinstance(content, dict):
        raise StageFailed(Problem.OUTPUT_NOT_A_MINI_PROGRAM, file=_CONFIG)
    return content
