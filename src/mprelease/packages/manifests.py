"""The small files by which a repository says what it is, read without trusting them."""

import json
from collections.abc import Mapping
from pathlib import Path

import yaml

from mprelease.process import plain_files


def text(path: Path) -> str:
    """Return the content, or nothing where there is no plain file."""
    return plain_files.text(path) or ""


def parsed(path: Path) -> Mapping[str, object]:
    """Return the JSON object in a file; an empty one where there is none."""
    try:
        content = json.loads(text(path) or "{}")
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def parsed_yaml(path: Path) -> Mapping[str, object]:
    """Return the mapping in a YAML file, all scalars as text; an empty one where there is none."""
    content = text(path)
    if len(content) > _LARGEST_YAML:
        return {}
    try:
        # Not the loader in C, which a deep nesting crashes; nor one that copies what `<<` names,
        # which fills the memory.
        found = yaml.load(content, Loader=yaml.BaseLoader)  # noqa: S506  it makes text, no objects
    except (ValueError, RecursionError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}


def section(manifest: Mapping[str, object], name: str) -> Mapping[str, object]:
    """Return an object inside of a manifest; an empty one where there is none."""
    content = manifest.get(name)
    return content if isinstance(content, dict) else {}


_LARGEST_YAML = 128 * 1024
