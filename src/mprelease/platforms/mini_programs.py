"""What a folder with a mini program looks like, whichever platform it was built for."""

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
"""What reading a file of JSON that anybody wrote may raise; the last for too deep a nesting."""

_APP = "app.json"


def require_served(project_type: ProjectType, platform: Platform) -> None:
    """Raise StageFailed(TYPE_NOT_SERVED) for whatever is no mini program."""
    if project_type is not ProjectType.MINI_PROGRAM:
        raise StageFailed(Problem.TYPE_NOT_SERVED, type=project_type, platform=platform)


def require_mini_program(folder: Path, root: PurePosixPath, platform: Platform) -> None:
    """Raise StageFailed unless a root in a folder holds what was built for a platform."""
    if not (folder / root / _APP).is_file():
        raise StageFailed(Problem.OUTPUT_NOT_A_MINI_PROGRAM, file=str(root / _APP))
    found = platform_of_pages(folder / root, _pages(folder / root), platform)
    if found and found[0] is not platform:
        raise StageFailed(
            Problem.OUTPUT_OF_OTHER_PLATFORM, found=found[0], file=found[1], wanted=platform
        )


def as_tools_read(text: str) -> Any:
    """Return what a text of JSON says to the vendors' tools; raise ValueError or RecursionError.

    Python refuses long whole numbers; whoever hides something from us behind one would not hide it
    from them. What is nested too deep for us may be readable for them as well.
    """
    return json.loads(text, parse_int=float)


def parsed(file: Path) -> dict[str, Any]:
    """Return the object in a file of JSON that anybody wrote; empty where there is none."""
    try:
        return dict(json.loads(plain_files.text(file) or "{}"))
    except UNREADABLE:
        return {}


def require_json(file: Path) -> None:
    """Raise StageFailed(CONFIG_NOT_JSON) for a file, if it is there, that is none."""
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

    The platforms would make the QR code all the same, and open nothing.
    """
    declared = _pages(root)
    if declared and page not in declared:
        raise StageFailed(Problem.START_PAGE_UNKNOWN, page=page, example=declared[0])


def _pages(root: Path) -> list[str]:
    """Return the pages of app.json, of its sub packages too; none where it cannot be read."""
    try:
        app = json.loads(plain_files.text(root / _APP) or "")
        packages = [*app.get("subPackages", []), *app.get("subpackages", [])]
        inside = [(each["root"].strip("/"), page) for each in packages for page in each["pages"]]
        return [*app["pages"], *(f"{package}/{page}" for package, page in inside)]
    except UNREADABLE:
        return []  # The tool or the platform will say what is wrong with it.
