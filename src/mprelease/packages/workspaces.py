"""Which packages belong to a workspace, by the patterns of npm, yarn and pnpm."""

import re
from collections.abc import Iterator
from pathlib import Path

from wcmatch import glob

from mprelease.packages import manifests

PNPM = "pnpm-workspace.yaml"
"""pnpm's file with the patterns and settings of a workspace."""


def has_member(folder: Path, path: str) -> bool:
    """Return whether a folder is a workspace that contains the package at a relative path."""
    return any(_covers(patterns, path) for patterns in _pattern_lists(folder))


# The matching rules of npm and pnpm.
_FLAGS = glob.GLOBSTAR | glob.BRACE | glob.EXTGLOB | glob.FORCEUNIX
_MANIFEST = "/package.json"
# Patterns of committers become regular expressions: without these limits a match could take
# exponential time.
_MOST_PATTERNS = 200
_LONGEST = 200
_MOST_WILDCARDS = 8
_MOST_BRACES, _MOST_COMMAS = 2, 60
_REPETITION_OR_RANGE = re.compile(r"[*+]\(|\.\.")


def _pattern_lists(folder: Path) -> Iterator[list[str]]:
    """Yield the lists of patterns of package.json and of pnpm, which are evaluated separately."""
    listed = manifests.parsed(folder / "package.json").get("workspaces")
    if isinstance(listed, dict):
        listed = listed.get("packages")
    for patterns in (listed, manifests.parsed_yaml(folder / PNPM).get("packages")):
        if isinstance(patterns, list):
            yield [each for each in patterns[:_MOST_PATTERNS] if isinstance(each, str)]


def _covers(patterns: list[str], path: str) -> bool:
    excluded = [each.removeprefix("!") for each in patterns if _is_exclusion(each)]
    included = [each for each in patterns if not _is_exclusion(each)]
    return any(_matches(each, path) for each in included) and not any(
        _matches(each, path) for each in excluded
    )


def _is_exclusion(pattern: str) -> bool:
    return pattern.startswith("!") and not pattern.startswith("!(")


def _matches(pattern: str, path: str) -> bool:
    if not _is_within_limits(pattern):
        return False
    whole = pattern.removeprefix("./").rstrip("/") + _MANIFEST
    try:
        return glob.globmatch(path + _MANIFEST, whole, flags=_FLAGS)
    except (ValueError, RecursionError, re.error):
        return False


def _is_within_limits(pattern: str) -> bool:
    return (
        len(pattern) <= _LONGEST
        and sum(map(pattern.count, "*?[(")) <= _MOST_WILDCARDS
        and pattern.count("{") <= _MOST_BRACES
        and pattern.count(",") <= _MOST_COMMAS
        and not _REPETITION_OR_RANGE.search(pattern)
    )
