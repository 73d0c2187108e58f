"""Say what a test needs that not every machine has, with the command that brings it."""

import functools
import os
import re
import shutil
from collections.abc import Callable
from typing import NoReturn, ParamSpec

import pytest

_P = ParamSpec("_P")
_WORDS = "This machine lacks"


def needs(
    what: str, remedy: str, *, there: bool | None = None
) -> Callable[[Callable[_P, None]], Callable[_P, None]]:
    """Run a test only where a program (or, by `there`, something else) is present.

    Elsewhere the test is skipped with the command that mends it; with CI=true a lack is a failure.
    """
    found = shutil.which(what) is not None if there is None else there

    def guard(test: Callable[_P, None]) -> Callable[_P, None]:
        if found:
            return test

        @functools.wraps(test)
        def lacking(*_args: _P.args, **_kwargs: _P.kwargs) -> None:
            lack(f"{what}: {remedy}")

        return lacking

    return guard


def lack(what_and_remedy: str) -> NoReturn:
    """End a test for want of something: skip it, or with CI=true fail it."""
    refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
    refuse(f"{_WORDS} {what_and_remedy}")


def lacks(reporter: pytest.TerminalReporter) -> list[str]:
    """Return what tests of this run lacked, in whichever of its processes they ran."""
    ended = [
        report for kind in ("skipped", "failed", "error") for report in reporter.stats.get(kind, [])
    ]
    words = (str(report.longrepr) for report in ended)
    found = (re.search(rf"{_WORDS} ([^\n'\"]+)", each) for each in words)
    return sorted({match[1] for match in found if match})
