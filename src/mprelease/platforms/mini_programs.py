"""Checks of a built mini program's folder that are common to all platforms."""

import json
from pathlib import Path, PurePosixPath
from typing import Any

from mprelease.domain.apps import ProjectType
from mprelease.domain.errors import StageFailed
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.platforms.detection import platform_of_pages
from mprelease.process import plain_files

UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""The exceptions of parsing untrusted JSON and accessing its members."""

_APP = "app.json"


def require_served(project_type: ProjectType, platform: Platform) -> None:
    """Raise StageFailed(TYPE_NOT_SERVED) for any project type but a mini program."""
    if project_type is not ProjectType.MINI_PROGRAM:
        raise StageFailed(Problem.TYPE_NOT_SERVED, type=project_type, platform=platform)


def require_mini_program(folder: Path, root: PurePosixPath, platform: Platform) -> None:
    """Raise StageFailed unless `root` in a folder contains a mini program built for a platform.

    OUTPUT_NOT_A_MINI_PROGRAM or OUTPUT_OF_OTHER_PLATFORM.
    """
    if not (folder / root / _APP).is_file():
        raise StageFailed(Problem.OUTPUT_NOT_A_MINI_PROGRAM, file=str(root / _APP))
    found = platform_of_pages(folder / root, _pages(folder / root), platform)
    if found and found[0] is not platform:
        raise StageFailed(
            Problem.OUTPUT_OF_OTHER_PLATFORM, found=found[0], file=found[1], wanted=platform
        )


def as_tools_read(text: str) -> Any:
    """Parse JSON like the vendors' tools (JavaScript); raise ValueError or RecursionError.

    Integers become floats: Python refuses those of more than 4,300 digits, which JavaScript parses,
    so an attacker could hide settings from this check. After a RecursionError the text may still be
    valid for the tools.
    """
    return json.loads(text, parse_int=float)


def parsed(file: Path) -> dict[str, Any]:
    """Return the object in an untrusted JSON file; empty if there is none."""
    try:
        return dict(json.loads(plain_files.text(file) or "{}"))
    except UNREADABLE:
        return {}


def require_json(file: Path) -> None:
    """Raise StageFailed(CONFIG_NOT_JSON) for an existing file that is not valid JSON."""
    text = plain_files.text(file)
    if text is None:
        return
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        raise StageFailed(Problem.CONFIG_NOT_JSON, file=file.name, line=line) from error


def require_page(root: Path, page: str) -> None:
    """Raise StageFailed(START_PAGE_UNKNOWN) unless a mini program declares a page.

    The platforms would still create a QR code, which opens no page.
    """
    declared = _pages(root)
    if declared and page not in declared:
        raise StageFailed(Problem.START_PAGE_UNKNOWN, page=page, example=declared[0])


def _pages(root: Path) -> list[str]:
    """Return the pages of app.json and of its subpackages; none if it cannot be parsed."""
    try:
        app = json.loads(plain_files.text(root / _APP) or "")
        packages = [*app.get("subPackages", []), *app.get("subpackages", [])]
        inside = [(each["root"].strip("/"), page) for each in packages for page in each["pages"]]
        return [*app["pages"], *(f"{package}/{page}" for package, page in inside)]
    except UNREADABLE:
        return []  # The tool or the platform reports the error.
