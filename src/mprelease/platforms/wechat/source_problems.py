"""Map error messages of miniprogram-ci 2.1.42 about a mini program's files to problems.

Each pattern was observed with the real tool. It has one compiler per language, each with its own
format for file and line.
"""

import re
from dataclasses import dataclass

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Parameter, Problem


@dataclass(frozen=True)
class _Known:
    """A pattern of messages, and its problem; the pattern's groups are the problem's parameters.

    `first_line` is this compiler's number for a file's first line.
    """

    problem: Problem
    pattern: re.Pattern[str]
    first_line: int = 1


_KNOWN = (
    _Known(
        Problem.PAGE_MISSING,
        re.compile(
            r'(?P<file>[^:\n]+): \["(?:pages|subPackages|subpackages)"\][^\n]* could not find the '
            r'corresponding file: "(?P<missing>(?P<page>[^"\n]+?)\.\w+)"'
        ),
    ),
    _Known(
        Problem.OUTPUT_NOT_A_MINI_PROGRAM,
        re.compile(r"[^:\n]+: (?P<file>[\w.]+) is not found in the project root directory"),
    ),
    # Babel, for .js and .ts
    _Known(
        Problem.SOURCE_SYNTAX_ERROR,
        re.compile(
            r"file: (?P<file>[^\n]+)\n [^\n]*?: (?P<detail>[^\n]+) \((?P<line>\d+):\d+\)(?:\n|$)"
        ),
    ),
    # swc, for .js and .ts
    _Known(
        Problem.SOURCE_SYNTAX_ERROR,
        re.compile(r"\s*x (?P<detail>[^\n]+)\n\s*,-\[(?P<file>[^\n]+?):(?P<line>\d+):\d+\]"),
    ),
    # JSON: the line is marked with ">", unless it is the last one
    _Known(
        Problem.SOURCE_SYNTAX_ERROR,
        re.compile(
            r"(?P<file>[^:\n]+\.json): [^\n]+\n(?P<detail>[^\n]+)\n.*?^> *(?P<line>\d+) \|",
            re.DOTALL | re.MULTILINE,
        ),
    ),
    _Known(
        Problem.SOURCE_SYNTAX_ERROR,
        re.compile(
            r"(?P<file>[^:\n]+\.json): [^\n]+\n(?P<detail>[^\n]+)\n(?:.*\n)? *(?P<line>\d+) \|"
            r"[^\n]*\Z",
            re.DOTALL,
        ),
    ),
    # Less; the tool adds an import before the first line of every .less file.
    _Known(
        Problem.SOURCE_SYNTAX_ERROR,
        re.compile(r"(?P<detail>[^\n]+) in (?P<file>[^\n]+?) on line (?P<line>\d+), column \d+:"),
        first_line=2,
    ),
    # Sass
    _Known(
        Problem.SOURCE_SYNTAX_ERROR,
        re.compile(r"(?P<detail>[^\n]+)\n.*?\n  (?P<file>\S+) (?P<line>\d+):\d+  ", re.DOTALL),
    ),
    # PostCSS, for .wxss
    _Known(
        Problem.SOURCE_SYNTAX_ERROR,
        re.compile(r"/?(?P<file>[^\n:]+\.\w+):(?P<line>\d+):\d+: (?P<detail>[^\n]+)"),
    ),
    # The minifier of .wxml; the file is in the error's path only
    _Known(
        Problem.SOURCE_SYNTAX_ERROR,
        re.compile(r"(?P<line>\d+):\d+:(?P<detail>[^\n]+)"),
    ),
    # The packing of npm dependencies
    _Known(
        Problem.SOURCE_SYNTAX_ERROR,
        re.compile(
            r"parse js file \((?P<file>[^)\n]+)\) failed: (?P<detail>[^\n]+) \((?P<line>\d+):\d+\)"
        ),
    ),
)


def source_problem(message: str, file: str | None) -> StageFailed | None:
    """Return the problem that a message describes; None if no pattern matches.

    The message is without "Error: " and local paths; `file` is the path in the tool's error object.
    """
    for known in _KNOWN:
        if found := known.pattern.match(message):
            return StageFailed(known.problem, **_parameters(known, found, file))
    return None


def _parameters(known: _Known, found: re.Match[str], file: str | None) -> dict[str, Parameter]:
    parameters: dict[str, Parameter] = {"file": file or "", **found.groupdict()}
    if line := found.groupdict().get("line"):
        parameters["line"] = int(line) - known.first_line + 1
    return parameters
