"""The order in which xdist's processes take the tests, so that all finish at the same time."""

from collections.abc import Callable, Sequence
from typing import TypeVar

_T = TypeVar("_T")


def spread(
    tests: Sequence[_T],
    is_group: Callable[[_T], bool],
    is_slow: Callable[[_T], bool],
    waits: Callable[[_T], bool],
) -> list[_T]:
    """Order tests for `--dist loadfile`: each process that is free takes the next file.

    Tests of one file never run at the same time: they may share a user id, a port or a path. First
    come groups of long tests, then slow ones, with those that mostly wait evenly between them, so
    that the processors are used for others in the meantime. Quick ones come last: no process is
    left with a long test when the others are done.
    """
    group = [test for test in tests if is_group(test)]
    rest = [test for test in tests if not is_group(test)]
    slow = [test for test in rest if is_slow(test)]
    waiting = [test for test in rest if waits(test) and not is_slow(test)]
    quick = [test for test in rest if not (is_slow(test) or waits(test))]
    return [*group, *_mixed(slow, waiting), *quick]


def _mixed(*kinds: Sequence[_T]) -> list[_T]:
    """Merge sequences so that each part of the result has its share of each."""
    places = [
        ((number + 0.5) / len(tests), kind, number)
        for kind, tests in enumerate(kinds)
        for number in range(len(tests))
    ]
    return [kinds[kind][number] for _, kind, number in sorted(places)]
