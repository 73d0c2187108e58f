"""The small files by which a repository says what it is, read without trusting them."""

import json
from collections.abc import Mapping
from pathlib import Path

LARGEST = 64 * 2**20
"""Bytes beyond which a file of a repository is not looked at."""


def is_plain_file(path: Path) -> bool:
    """Tell whether a file may be read: no link, so that a repository cannot name one of ours."""
    return not path.is_symlink() and path.is_file() and path.stat().st_size <= LARGEST


def text(path: Path) -> str:
    """Return the content, or nothing where there is no plain file."""
    if not is_plain_file(path):
        return ""
    return path.read_text(encoding="utf-8-sig", errors="replace")


def parsed(path: Path) -> Mapping[str, object]:
    """Return the JSON object in a file; an empty one where there is none."""
    try:
        content = json.loads(text(path) or "{}")
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def section(manifest: Mapping[str, object], name: str) -> Mapping[str, object]:
    """Return an object inside of a manifest; an empty one where there is none."""
    content = manifest.get(name)
    return content if isinstance(content, dict) else {}
