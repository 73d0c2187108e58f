"""Budgets of package sizes, and what has changed since the release before."""

import pytest

from mprelease.domain.releases import Sizes
from mprelease.domain.sizes import Overrun, SizeBudget, SizeChange, changes, overruns

KB = 1024


@pytest.mark.parametrize(
    ("line", "package", "size", "stored"),
    [
        ("main 1.5 MB", "main", 1536 * KB, "main 1.5 MB"),
        ("/goods/=900K", "/goods/", 900 * KB, "/goods/ 900 KB"),
        ("*: 512 kib", "*", 512 * KB, "* 512 KB"),
        ("full：8M", "full", 8192 * KB, "full 8 MB"),
    ],
)
def test_a_budget_is_read_from_a_line(line: str, package: str, size: int, stored: str) -> None:
    budget = SizeBudget.of(line)
    assert budget
    assert (budget.package, budget.size, str(budget)) == (package, size, stored)
    assert SizeBudget.of(str(budget)) == budget


@pytest.mark.parametrize(
    "line", ["main", "1 MB", "main 0 MB", "main -1 MB", "main 1 GB", "a b 1 MB"]
)
def test_what_is_no_budget_is_none(line: str) -> None:
    assert SizeBudget.of(line) is None


def test_each_package_has_one_budget() -> None:
    sizes = Sizes(5000 * KB, 1600 * KB, {"/goods/": 950 * KB, "/user/": 600 * KB, "/a/": 1 * KB})
    lines = ["main 1.5 MB", "/goods/ 1 MB", "* 512 KB", "full 4 MB", "/unknown/ 1 KB"]
    assert overruns(lines, sizes) == [
        Overrun("main", 1600 * KB, 1536 * KB),
        Overrun("/user/", 600 * KB, 512 * KB),
        Overrun("full", 5000 * KB, 4096 * KB),
    ]
    assert overruns([], sizes) == []


def test_changes_begin_with_the_greatest() -> None:
    before = Sizes(0, 1000, {"/former/": 10, "/same/": 5, "/less/": 500})
    after = Sizes(0, 1200, {"/new/": 30, "/same/": 5, "/less/": 100})
    assert changes(before, after) == [
        SizeChange("/less/", 500, 100),
        SizeChange("main", 1000, 1200),
        SizeChange("/new/", 0, 30),
        SizeChange("/former/", 10, 0),
    ]
