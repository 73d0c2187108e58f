"""The order in which xdist's processes run the tests, so that all finish at the same time."""

from collections.abc import Callable, Sequence
from typing import TypeVar

_T = TypeVar("_T")


def spread(
    tests: Sequence[_T], processes: int, is_slow: Callable[[_T], bool], waits: Callable[[_T], bool]
) -> list[_T]:
    """Order tests for `--dist worksteal`, which gives each process an equal part of the list.

    Each part begins with its share of the slow tests and ends with quick ones, which other
    processes can take over at the end. The last part begins with tests that mostly wait, so that
    the processors are used for others in the meantime. Tests of one file stay together.
    """
    slow = [test for test in tests if is_slow(test)]
    waiting = [test for test in tests if waits(test) and not is_slow(test)]
    quick = [test for test in tests if not (is_slow(test) or waits(test))]
    order: list[_T] = []
    for number in range(processes):
        kinds = [slow, waiting, quick] if number < processes - 1 else [waiting, slow, quick]
        for kind in kinds:
            bounds = (len(kind) * part // processes for part in (number, number + 1))
            order += kind[slice(*bounds)]
    return order
