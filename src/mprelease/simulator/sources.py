"""What a compiler on a platform's side finds in a source tree: JSON that cannot be read.

The vendors' compilers are closed, and look at scripts and pages as well.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Mistake:
    """A place in a file, counted from 1, and what is wrong with it."""

    file: str
    line: int
    column: int
    detail: str


def mistakes_in(files: Mapping[str, bytes]) -> Iterator[Mistake]:
    """Return what stands against the JSON of a project, its dependencies apart."""
    for name, text in sorted(files.items()):
        if name.endswith(".json") and "node_modules/" not in name:
            yield from _mistakes(name, text)


def _mistakes(name: str, text: bytes) -> Iterator[Mistake]:
    try:
        json.loads(text.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        yield Mistake(name, error.lineno, error.colno, error.msg)
    except UnicodeDecodeError:
        yield Mistake(name, 1, 1, "no UTF-8")
