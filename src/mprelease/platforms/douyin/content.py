"""What tt-ide-cli needs to find in a folder."""

import json
import os
from pathlib import Path, PurePosixPath
from typing import Any

from mprelease.domain.apps import ProjectType
from mprelease.domain.errors import StageFailed
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.platforms.marks import platform_of_pages
from mprelease.process import plain_files

_CONFIG = "project.config.json"
_APP = "app.json"
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
# What reading a file of JSON that anybody wrote may raise; the last for too deep a nesting.
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


def require_content(folder: Path, project_type: ProjectType) -> None:
    """Raise StageFailed unless a folder holds a mini program that was built for Douyin."""
    if project_type is not ProjectType.MINI_PROGRAM:
        raise StageFailed(Problem.TYPE_NOT_SERVED, type=project_type, platform=Platform.DOUYIN)
    root = _root(folder)
    if not plain_files.is_plain_file(folder / root / _APP):
        raise StageFailed(Problem.OUTPUT_NOT_A_MINI_PROGRAM, file=str(root / _APP))
    found = platform_of_pages(folder / root, _pages(folder), Platform.DOUYIN)
    if found and found[0] is not Platform.DOUYIN:
        raise StageFailed(
            Problem.OUTPUT_OF_OTHER_PLATFORM,
            found=found[0],
            file=found[1],
            wanted=Platform.DOUYIN,
        )


def require_page(folder: Path, page: str) -> None:
    """Raise StageFailed(START_PAGE_UNKNOWN) unless a mini program declares a page.

    Douyin would make the QR code all the same, and open nothing.
    """
    declared = _pages(folder)
    if declared and page not in declared:
        raise StageFailed(Problem.START_PAGE_UNKNOWN, page=page, example=declared[0])


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
    try:
        content = json.loads(plain_files.text(path) or "")
    except _UNREADABLE:
        content = None
    if not isinstance(content, dict):
        raise StageFailed(Problem.OUTPUT_NOT_A_MINI_PROGRAM, file=_CONFIG)
    return content


def _root(folder: Path) -> PurePosixPath:
    parts = str(_config(folder).get("miniprogramRoot") or "").split("/")
    if ".." in parts:
        # The tool would follow it to wherever it leads.
        raise StageFailed(Problem.OUTPUT_NOT_A_MINI_PROGRAM, file=_CONFIG)
    return PurePosixPath(*(part for part in parts if part))


def _pages(folder: Path) -> list[str]:
    """Return the pages of app.json, of its sub packages too; none where it cannot be read."""
    try:
        app = json.loads(plain_files.text(folder / _root(folder) / _APP) or "")
        packages = [*app.get("subPackages", []), *app.get("subpackages", [])]
        inside = [(each["root"].strip("/"), page) for each in packages for page in each["pages"]]
        return [*app["pages"], *(f"{root}/{page}" for root, page in inside)]
    except _UNREADABLE:
        return []  # The tool itself will say what is wrong with it.
