"""What tt-ide-cli needs to find in a folder."""

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
# What the tool itself takes for a project without settings (DEFAULT_PROJECT_CONFIG in 0.1.33).
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
    """Raise StageFailed unless a folder holds a mini program that was built for Douyin."""
    require_served(project_type, Platform.DOUYIN)
    require_mini_program(folder, root_of(folder), Platform.DOUYIN)


def root_of(folder: Path) -> PurePosixPath:
    """Return the root that the tool packs; one outside of the folder is refused."""
    parts = str(_config(folder).get("miniprogramRoot") or "").split("/")
    if ".." in parts:
        # The tool would follow it to wherever it leads.
        raise StageFailed(Problem.OUTPUT_NOT_A_MINI_PROGRAM, file=_CONFIG)
    return PurePosixPath(*(part for part in parts if part))


def name_app(folder: Path, app_id: str) -> None:
    """Write an app id into project.config.json, which is made where it is missing.

    The tool publishes to the app that stands there, and to `ttappid` rather than to `appid`.
    """
    config = {**_config(folder), "appid": app_id}
    config.pop("ttappid", None)
    text = json.dumps(config, ensure_ascii=False, indent=2)
    # A new file in its place: the old one may be a second name of a file that is kept.
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
