"""Say what a test needs that not every machine has, and collect what is missing."""

import functools
import os
import shutil
from collections.abc import Callable
from typing import ParamSpec

import pytest

_P = ParamSpec("_P")
_LACKS: list[str] = []


def needs(
    what: str, remedy: str, *, there: bool | None = None
) -> Callable[[Callable[_P, None]], Callable[_P, None]]:
    """Run a test only where a program (or, by `there`, something else) is present.

    Elsewhere the test is skipped and the lack is remembered with the command that mends it; with
    CI=true a lack is a failure.
    """
    found = shutil.which(what) is not None if there is None else there
    lack = f"{what}: {remedy}"

    def guard(test: Callable[_P, None]) -> Callable[_P, None]:
        if found:
            return test
        if lack not in _LACKS:
            _LACKS.append(lack)

        @functools.wraps(test)
        def lacking(*_args: _P.args, **_kwargs: _P.kwargs) -> None:
            refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
            refuse(f"This machine lacks {lack}")

        return lacking

    return guard


def lacks() -> list[str]:
    """Return what the collected tests need and this machine has not, each with its remedy."""
    return list(_LACKS)
