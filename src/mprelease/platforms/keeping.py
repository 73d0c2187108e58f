"""Keep what a vendor's tool fetches at run time, so that it is fetched once and not per release."""

import hashlib
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from mprelease.platforms.driver import Fetched
from mprelease.platforms.tools import Tool


def keep(tool: Tool, tools: Path, fetched: Fetched) -> bool:
    """Copy what a tool has fetched into its folder, for the releases to come.

    Tell whether something lies in that place now. What is not as it was told is not kept, and what
    lies there is never replaced: releases run it.
    """
    place = tool.folder(tools) / fetched.place
    if place.is_dir():
        return True
    try:
        place.parent.mkdir(exist_ok=True)
        with TemporaryDirectory(prefix=".partial-", dir=place.parent) as folder:
            partial = Path(folder) / place.name
            shutil.copytree(fetched.folder, partial, symlinks=True)
            if _digests(partial) == dict(fetched.files):
                partial.rename(place)
    except OSError:
        # Somebody else was faster, or there is no room: then the next release fetches it again.
        return place.is_dir()
    return place.is_dir()


def _digests(folder: Path) -> dict[str, str]:
    """Return the digests of all files; none where a link or the like lies among them."""
    digests: dict[str, str] = {}
    for file in folder.rglob("*"):
        if file.is_symlink() or not (file.is_file() or file.is_dir()):
            return {}
        if file.is_file():
            with file.open("rb") as content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()
            digests[file.relative_to(folder).as_posix()] = digest
    return digests
