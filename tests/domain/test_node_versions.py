"""What people write for a version of Node."""

import pytest

from mprelease.domain.node_versions import has_long_term_support, nearest, numbers, range_of


@pytest.mark.parametrize(
    ("wanted", "range_"),
    [
        ("16", "16"),
        (" v14.21.3 ", "v14.21.3"),
        (">=18 <21", ">=18 <21"),
        ("^14.17.0 || >= 16", "^14.17.0 || >= 16"),
        ("12 - 14", "12 - 14"),
        ("14.x", "14.x"),
        ("*", "*"),
        ("lts/gallium", "16"),
        ("lts/Fermium", "14"),
        ("lts/*", "26"),
        ("lts/-1", "24"),
        ("node", ">=26"),
        ("stable", ">=26"),
        ("system", "*"),
    ],
)
def test_versions_ranges_and_names_are_understood(wanted: str, range_: str) -> None:
    assert range_of(wanted) == range_


@pytest.mark.parametrize(
    "wanted", ["", "sixteen", "lts/galium", "16; rm -rf /", "$(id)", "16 -", "1" * 101, "\n16\n17"]
)
def test_anything_else_is_not(wanted: str) -> None:
    assert range_of(wanted) is None


def test_a_hostile_text_is_refused_at_once() -> None:
    assert range_of("1 " * 49 + "!") is None


def test_even_lines_have_long_term_support() -> None:
    assert has_long_term_support("16.20.2")
    assert not has_long_term_support("17.9.1")


def test_the_numbers_of_a_version_may_be_incomplete() -> None:
    assert numbers("v14.17.0") == (14, 17, 0)
    assert numbers(">=18") == (18, 0, 0)
    assert numbers("none") == (0, 0, 0)


VERSIONS = ["14.16.1", "14.17.1", "14.21.3", "16.20.2", "25.9.0", "26.0.0", "26.12.1"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("14.17.0", "14.17.1"),
        ("14.99.0", "14.21.3"),
        ("13", "14.21.3"),
        ("15", "16.20.2"),
        (">=99", "26.12.1"),
        ("lts/galium", "lts/gallium"),
        ("lts/fermum", "lts/fermium"),
    ],
)
def test_an_unknown_version_has_a_nearest_one(wanted: str, found: str) -> None:
    assert nearest(wanted, VERSIONS) == found
