"""Write the state diagram of a release, drawn from the table of its moves, into the documents."""

import re
from collections.abc import Iterator
from pathlib import Path

from mprelease.domain.releases import MOVES, State

PAGE = Path(__file__).parent.parent / "docs/architecture.md"
COMMAND = "make diagram"
_BLOCK = re.compile(r"```mermaid\nstateDiagram-v2\n.*?```", re.DOTALL)


def main() -> None:
    """Replace the diagram of the page by the present one."""
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def renewed(page: str) -> str:
    """Return a page with the present diagram in place of its own; ValueError where it has none."""
    written, count = _BLOCK.subn("\n".join(["```mermaid", *_lines(), "```"]), page)
    if count != 1:
        raise ValueError(f"the page has {count} state diagrams, and not one")
    return written


def _lines() -> Iterator[str]:
    yield "stateDiagram-v2"
    yield f"    [*] --> {State.QUEUED}"
    for state in State:
        for following in State:
            if following in MOVES[state]:
                yield f"    {state} --> {following}"
        if not MOVES[state]:
            yield f"    {state} --> [*]"


if __name__ == "__main__":
    main()
