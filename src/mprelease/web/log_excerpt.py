"""The lines of a log that show why a release has failed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mprelease.domain.logs import Position
from mprelease.domain.releases import Release, State
from mprelease.storage import logs
from mprelease.storage.database import Reader

_MOST_LINES = 8
_BEFORE = 2
_EXAMINED = 300
_LONGEST = 400
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_ERROR = re.compile(
    r"\berror\b|\bERR!|\w+Error\b|failed|cannot |can't |not found|✖|×|错误|失败", re.IGNORECASE
)
# What package managers and Node print after failures of any kind.
_BOILERPLATE = re.compile(
    r"complete log of this run|ELIFECYCLE|lifecycle script|exit(?:ed)? (?:code|with)|exit status"
    r"|^\s*at .+:\d+|errno|npm error (?:code|path|command|workspace|location)\b",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"(?<![\w/@.-])((?:[\w@.-]+/)*[\w@-][\w@.-]*\.[A-Za-z]{1,6}[:(]\d{1,7}(?:[:,]\d{1,5})?\)?)"
)


@dataclass(frozen=True)
class ExcerptLine:
    """A line without escape codes; each part with whether it names a place in a file."""

    position: Position
    parts: Sequence[tuple[str, bool]]


def without_escapes(text: str) -> str:
    """Return a line of a log as plain text."""
    return _CONTROL.sub("", _ESCAPE.sub("", text))


def excerpt(db: Reader, release: Release) -> list[ExcerptLine]:
    """Return at most eight lines of the stage that failed, around its last error."""
    end = logs.ends(db, [release.id]).get(release.id)
    if release.state is not State.FAILED or release.failed_stage is None or end is None:
        return []
    start = Position(end.attempt, max(0, end.line - _EXAMINED))
    lines = [
        (line.position, without_escapes(line.text)[:_LONGEST].rstrip())
        for line in logs.after(db, release.id, start)
        if line.stage is release.failed_stage
    ]
    return [ExcerptLine(position, _parts(text)) for position, text in _around_the_error(lines)]


def _around_the_error(lines: list[tuple[Position, str]]) -> list[tuple[Position, str]]:
    """Choose the lines from before the first of the last errors that follow each other."""
    shown = [one for one in lines if one[1].strip()]
    errors = [
        number
        for number, (_, text) in enumerate(shown)
        if _ERROR.search(text) and not _BOILERPLATE.search(text)
    ]
    if not errors:
        return shown[-_MOST_LINES:]
    first = errors[-1]
    for number in reversed(errors):
        if first - number > _BEFORE or errors[-1] - number >= _MOST_LINES - _BEFORE:
            break
        first = number
    begin = max(0, first - _BEFORE)
    return shown[begin : begin + _MOST_LINES]


def _parts(text: str) -> list[tuple[str, bool]]:
    pieces = _PLACE.split(text)
    return [(piece, bool(number % 2)) for number, piece in enumerate(pieces) if piece]
