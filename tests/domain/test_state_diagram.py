"""The state diagram of docs/architecture.md shows the moves that the code allows, and no others."""

import pytest

from mprelease.domain.releases import MOVES, State
from scripts.state_diagram import COMMAND, PAGE, renewed

DIAGRAM = "# Page\n\n```mermaid\nstateDiagram-v2\n    old --> stale\n```\n\nmore\n"


def test_the_diagram_of_the_page_is_the_present_one() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == renewed(page), f"the state diagram of {PAGE.name} is stale: run `{COMMAND}`"


def test_the_diagram_has_an_arrow_for_each_move_and_for_nothing_else() -> None:
    lines = renewed(DIAGRAM).splitlines()
    arrows = {tuple(line.split(" --> ")) for line in map(str.strip, lines) if " --> " in line}
    moves = {(state.value, to.value) for state in State for to in MOVES[state]}
    ends = {(state.value, "[*]") for state in State if not MOVES[state]}
    assert arrows == moves | ends | {("[*]", "queued")}
    assert lines[-1] == "more"


def test_a_page_without_a_diagram_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 state diagrams"):
        renewed("# Page\n")
