"""Read small configuration files of a repository (JSON, YAML) without trusting their content."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from mprelease.process import plain_files


def text(path: Path) -> str:
    """Return the content of a regular file; empty if there is none."""
    return plain_files.text(path) or ""


def parsed(path: Path) -> Mapping[str, object]:
    """Return the JSON object in a file; an empty one if there is none."""
    try:
        content = json.loads(text(path) or "{}")
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def parsed_yaml(path: Path) -> Mapping[str, object]:
    """Return the mapping in a YAML file, all scalars as text; an empty one if there is none."""
    content = text(path)
    if len(content) > _LARGEST_YAML:
        return {}
    try:
        # Not the C loader, which crashes on deep nesting; nor one that expands merge keys (`<<`),
        # which can exhaust the memory.
        parsed = yaml.load(content, Loader=yaml.BaseLoader)  # noqa: S506  it creates no objects
    except (ValueError, RecursionError, yaml.YAMLError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def section(manifest: Mapping[str, object], name: str) -> Mapping[str, object]:
    """Return the object in a field of a manifest; an empty one if there is none."""
    content = manifest.get(name)
    return content if isinstance(content, dict) else {}


def is_path(name: str) -> bool:
    """Return whether the name of a package can be used as a path, which leads nowhere else."""
    return _NAME.fullmatch(name) is not None


_LARGEST_YAML = 128 * 1024
_NAME = re.compile(r"(?:@[\w~-][\w.~-]*/)?[\w~-][\w.~-]*", re.ASCII)
