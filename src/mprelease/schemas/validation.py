"""Checks of values; all raise Refused with a problem that explains the allowed values."""

import re
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import TypeVar
from urllib.parse import urlsplit

from mprelease.domain.errors import Refused
from mprelease.domain.names import mixes_scripts
from mprelease.domain.node_versions import range_of
from mprelease.domain.problems import Problem
from mprelease.domain.robots import RobotName, RobotRule
from mprelease.domain.sizes import SizeBudget
from mprelease.domain.workers import LABEL

_NAME = re.compile(r"\w[\w .-]{0,63}")
_PAGE = re.compile(r"[^\s?#&=\\'\"<>|;`$-][^\s?#&=\\'\"<>|;`$]{0,255}")
_QUERY = re.compile(r"[!-~]{1,1024}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

FIRST_ROBOT = 1
MOST_LINES = 100
_RobotLine = TypeVar("_RobotLine", RobotName, RobotRule)
SCENES = range(1000, 1_000_000)  # Four to six digits, by platform.
DESCRIPTION_LENGTH = 2000
MEMORY = range(256, 65537)
PRIORITIES = range(-60, 61)


def name(text: str) -> str:
    """Return a valid new name of a project, an app, a user or a token."""
    if not _NAME.fullmatch(text) or text != text.strip():
        raise Refused(Problem.NAME_SHAPE, name=text)
    if mixes_scripts(text):
        raise Refused(Problem.NAME_MIXED, name=text)
    return text


def plain(text: str) -> str:
    """Return a text without NUL, which PostgreSQL cannot store, and without surrogates."""
    if "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise Refused(Problem.VALUE_UNUSABLE)
    return text


def robot(number: int, robots: range) -> int:
    """Return a number within the range of robots."""
    if number not in robots:
        first, last = robots.start, robots.stop - 1
        raise Refused(Problem.ROBOT_RANGE, robot=number, first=first, last=last)
    return number


def robot_names(lines: Iterable[str], robots: range) -> tuple[str, ...]:
    """Return the lines of numbers and names of robots, in the order of the numbers."""
    names = _robot_lines(lines, RobotName.of, robots, Problem.ROBOT_NAMES_SHAPE)
    numbers = [one.robot for one in names]
    if twice := {each for each in numbers if numbers.count(each) > 1}:
        raise Refused(Problem.ROBOT_NAMED_TWICE, robots=", ".join(map(str, sorted(twice))))
    return tuple(str(one) for one in sorted(names, key=lambda one: one.robot))


def robot_rules(lines: Iterable[str], robots: range) -> tuple[str, ...]:
    """Return the lines of patterns and robots; the first one that matches a ref applies."""
    rules = _robot_lines(lines, RobotRule.of, robots, Problem.ROBOT_RULES_SHAPE)
    return tuple(map(str, rules))


def _robot_lines(
    lines: Iterable[str], read: Callable[[str], _RobotLine | None], robots: range, problem: Problem
) -> list[_RobotLine]:
    """Parse the lines; raise Refused with all lines that cannot be parsed."""
    given = list(lines)
    found = [read(line) for line in given]
    wrong = [
        f"“{line}”"
        for line, one in zip(given, found, strict=True)
        if one is None or one.robot not in robots
    ]
    if wrong or len(given) > MOST_LINES:
        first, last = robots.start, robots.stop - 1
        named = ", ".join(wrong) or f"{len(given)} > {MOST_LINES}"
        raise Refused(problem, lines=named, first=first, last=last)
    return [one for one in found if one]


def size_budgets(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the lines of packages and their greatest sizes, in one form."""
    given = list(lines)
    budgets = [SizeBudget.of(line) for line in given]
    wrong = [f"“{line}”" for line, one in zip(given, budgets, strict=True) if one is None]
    if wrong or len(given) > MOST_LINES:
        named = ", ".join(wrong) or f"{len(given)} > {MOST_LINES}"
        raise Refused(Problem.SIZE_BUDGETS_SHAPE, lines=named)
    return tuple(map(str, filter(None, budgets)))


def page(text: str) -> str:
    """Return a page path as in app.json, without a leading slash."""
    path = text.removeprefix("/")
    if not _PAGE.fullmatch(path) or ".." in path.split("/"):
        raise Refused(Problem.PAGE_SHAPE, page=text)
    return path


def query(text: str) -> str:
    """Return the query of a page, without a leading question mark."""
    bare = text.removeprefix("?")
    if not _QUERY.fullmatch(bare):
        raise Refused(Problem.QUERY_SHAPE, query=text)
    return bare


def scene(number: int) -> int:
    """Return a scene number, of 4 to 6 digits."""
    if number not in SCENES:
        raise Refused(Problem.SCENE_SHAPE, scene=number)
    return number


def description(text: str) -> str:
    """Return a description without control characters, of at most 2000 characters."""
    clean = _CONTROL.sub(" ", text).strip()
    if len(clean) > DESCRIPTION_LENGTH:
        raise Refused(Problem.DESCRIPTION_TOO_LONG, length=len(clean), limit=DESCRIPTION_LENGTH)
    return clean


def directory(text: str) -> str:
    """Return a relative folder within the repository."""
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or "\x00" in text or text.startswith("-"):
        raise Refused(Problem.DIRECTORY_SHAPE, directory=text)
    return str(path)


def patterns(given: Iterable[str]) -> tuple[str, ...]:
    """Return the patterns of paths within the repository, without duplicates."""
    return tuple(dict.fromkeys(directory(word) for text in given for word in text.split()))


def priority(steps: int) -> int:
    """Return a priority: the steps by which a release goes before others; negative: after them."""
    if steps not in PRIORITIES:
        raise Refused(Problem.PRIORITY_RANGE, priority=steps)
    return steps


def label(text: str) -> str:
    """Return a valid label of workers."""
    if not LABEL.fullmatch(text):
        raise Refused(Problem.LABEL_SHAPE, label=text)
    return text


def node(text: str) -> str:
    """Return a version of Node, a range, or the name of a line."""
    if range_of(text) is None:
        raise Refused(Problem.NODE_SHAPE, node=text)
    return text.strip()


def memory(mebibytes: int) -> int:
    """Return a limit of Node's heap in MiB."""
    if mebibytes not in MEMORY:
        raise Refused(Problem.MEMORY_RANGE, memory=mebibytes)
    return mebibytes


def proxy(url: str) -> str:
    """Return the URL of an HTTP proxy, without a trailing slash; a password is refused."""
    try:
        parts = urlsplit(url)
        is_proxy = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port
        # All who can see the settings would see the password.
        is_proxy = is_proxy and parts.username is None and parts.password is None
    except ValueError:
        is_proxy = None
    if not is_proxy:
        raise Refused(Problem.PROXY_SHAPE, proxy=url)
    return url.rstrip("/")


def setting(text: str) -> tuple[str, str]:
    """Split a setting of the platform's tool, such as `es6=false`, into name and text."""
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise Refused(Problem.SETTING_SHAPE, setting=text)
    return key, value
