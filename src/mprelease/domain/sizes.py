"""Package sizes: their budgets, and their changes between two releases."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mprelease.domain.releases import Sizes

MAIN, FULL, OTHERS = "main", "full", "*"
_UNITS = {"KB": 2**10, "MB": 2**20}
_BUDGET = re.compile(
    r"(\S{1,200}?)(?:\s*[=:：]\s*|\s+)([0-9]{1,5}(?:\.[0-9]{1,3})?)\s*([KM])i?B?", re.IGNORECASE
)


@dataclass(frozen=True)
class SizeBudget:
    """The most bytes that a package should have.

    `package` is `main`, `full` for all of them together, a subpackage as the platform names it, or
    `*` for each subpackage without a budget of its own.
    """

    package: str
    size: int
    written: str

    @classmethod
    def of(cls, line: str) -> "SizeBudget | None":
        """Parse a line such as `main 1.8 MB`; None if it is not a budget."""
        found = _BUDGET.fullmatch(line.strip())
        if not found:
            return None
        unit = f"{found[3].upper()}B"
        size = round(float(found[2]) * _UNITS[unit])
        return cls(found[1], size, f"{found[2]} {unit}") if size else None

    def __str__(self) -> str:
        """Return the budget as a line."""
        return f"{self.package} {self.written}"


@dataclass(frozen=True)
class SizeChange:
    """The size of one package before and after, in bytes; 0 where it did not exist."""

    package: str
    before: int
    after: int

    @property
    def difference(self) -> int:
        """Return by how many bytes it has grown."""
        return self.after - self.before


@dataclass(frozen=True)
class Overrun:
    """A package that is larger than its budget, in bytes."""

    package: str
    size: int
    budget: int


def by_package(sizes: Sizes) -> dict[str, int]:
    """Return the sizes in bytes by package, with `main`, without `full`."""
    return {MAIN: sizes.main, **sizes.packages}


def changes(before: Sizes, after: Sizes) -> list[SizeChange]:
    """Return the packages whose size has changed, the greatest change first."""
    old, new = by_package(before), by_package(after)
    both = [SizeChange(name, old.get(name, 0), new.get(name, 0)) for name in {**new, **old}]
    return sorted((one for one in both if one.difference), key=lambda one: -abs(one.difference))


def budgets_in(lines: Iterable[str]) -> list[SizeBudget]:
    """Return the budgets in stored lines."""
    return [budget for line in lines if (budget := SizeBudget.of(line))]


def overruns(lines: Iterable[str], sizes: Sizes) -> list[Overrun]:
    """Return the packages that are larger than their budgets, in the order of the lines."""
    budgets = budgets_in(lines)
    own = {budget.package for budget in budgets}
    return [
        Overrun(name, size, budget.size)
        for budget in budgets
        for name, size in _sizes_of(budget, sizes, own).items()
        if size > budget.size
    ]


def _sizes_of(budget: SizeBudget, sizes: Sizes, own: Iterable[str]) -> Mapping[str, int]:
    if budget.package == FULL:
        return {FULL: sizes.full}
    if budget.package == OTHERS:
        return {name: size for name, size in sizes.packages.items() if name not in own}
    known = by_package(sizes)
    return {budget.package: known[budget.package]} if budget.package in known else {}
