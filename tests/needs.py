"""Skip tests whose requirements are not installed, with the command that installs them."""

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
    what: str, remedy: str, *, there: bool | None = None, in_ci: bool = True
) -> Callable[[Callable[_P, None]], Callable[_P, None]]:
    """Run a test only if a program is installed, or if `there` is true.

    Otherwise the test is skipped with the remedy; with CI=true it fails, unless CI cannot bring the
    program (`in_ci`).
    """
    found = shutil.which(what) is not None if there is None else there

    def guard(test: Callable[_P, None]) -> Callable[_P, None]:
        if found:
            return test

        @functools.wraps(test)
        def lacking(*_args: _P.args, **_kwargs: _P.kwargs) -> None:
            lack(f"{what}: {remedy}", in_ci=in_ci)

        return lacking

    return guard


def lack(what_and_remedy: str, *, in_ci: bool = True) -> NoReturn:
    """Skip a test because of a missing requirement; with CI=true, fail it if CI needs it."""
    refuse = pytest.fail if in_ci and os.environ.get("CI") == "true" else pytest.skip
    refuse(f"{_WORDS} {what_and_remedy}")


def lacks(reporter: pytest.TerminalReporter) -> list[str]:
    """Return the missing requirements of all tests of this run, in all processes."""
    ended = [
        report for kind in ("skipped", "failed", "error") for report in reporter.stats.get(kind, [])
    ]
    words = (str(report.longrepr) for report in ended)
    found = (re.search(rf"{_WORDS} ([^\n'\"]+)", each) for each in words)
    return sorted({match[1] for match in found if match})
