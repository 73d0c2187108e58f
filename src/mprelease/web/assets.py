"""Static files, with a hash of their content in the URL, so that browsers can cache them for ever.

The hash is one of all files together, and a part of the path: scripts import each other by relative
URLs, which then contain it as well.
"""

import hashlib
import re
from functools import cache
from pathlib import Path, PurePath

from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

STATIC = Path(__file__).with_name("static")
PREFIX = "/static/"
_HASH = re.compile(r"[0-9a-f]{12}")


@cache
def content_hash() -> str:
    """Return the hash of the content of all files: 12 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in sorted(path for path in STATIC.rglob("*") if path.is_file()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(STATIC)} {content}\n".encode())
    return digest.hexdigest()[:12]


def address(name: str) -> str:
    """Return the URL path of a file."""
    return f"{PREFIX}{content_hash()}/{name}"


def is_immutable(path: str) -> bool:
    """Return whether the response of this node for a path never changes.

    During a rolling update a page of another node may request a file with that node's hash.
    """
    return path.startswith(f"{PREFIX}{content_hash()}/")


class Assets(StaticFiles):
    """Serve the files, with any hash in the path or none."""

    def __init__(self) -> None:
        """Serve the folder `static` of this package."""
        super().__init__(directory=STATIC)

    def get_path(self, scope: Scope) -> str:
        """Return the path of a file in the folder, without the hash."""
        parts = PurePath(super().get_path(scope)).parts
        has_hash = bool(parts) and _HASH.fullmatch(parts[0])
        return str(PurePath(*parts[1:])) if has_hash else str(PurePath(*parts))
