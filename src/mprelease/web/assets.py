"""The files that pages load; their addresses change with their content, so that browsers keep them.

Scripts import each other by relative addresses: a name of all files together, in the path, is also
the one of whatever they import.
"""

import hashlib
import re
from functools import cache
from pathlib import Path, PurePath

from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

STATIC = Path(__file__).with_name("static")
PREFIX = "/static/"
_NAME_OF_ALL = re.compile(r"[0-9a-f]{12}")


@cache
def name_of_all() -> str:
    """Return a name of the content of all files."""
    digest = hashlib.sha256()
    for path in sorted(path for path in STATIC.rglob("*") if path.is_file()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(STATIC)} {content}\n".encode())
    return digest.hexdigest()[:12]


def address(name: str) -> str:
    """Return the address of a file."""
    return f"{PREFIX}{name_of_all()}/{name}"


def may_be_kept(path: str) -> bool:
    """Tell whether what this node answers at an address is the same for ever.

    During an update another node's page may ask this one for a file that has changed since.
    """
    return path.startswith(f"{PREFIX}{name_of_all()}/")


class Assets(StaticFiles):
    """Serve the files, under whatever name of all."""

    def __init__(self) -> None:
        """Serve the folder of this package."""
        super().__init__(directory=STATIC)

    def get_path(self, scope: Scope) -> str:
        """Return the path of a file in the folder."""
        parts = PurePath(super().get_path(scope)).parts
        is_named = bool(parts) and _NAME_OF_ALL.fullmatch(parts[0])
        return str(PurePath(*parts[1:])) if is_named else str(PurePath(*parts))
