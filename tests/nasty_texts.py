"""Texts that take a regular expression as long as possible: what it begins with, then one part
again and again, then no match."""

import re
from collections.abc import Iterator
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

_REPEATS = (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT)
_LETTERS = " aA0-/.:@'\"[](_,\n"


def nasty_texts(pattern: "re.Pattern[str]", length: int) -> Iterator[str]:
    """Yield texts of about so many characters for a pattern."""
    for start, part in set(_parts(parser.parse(pattern.pattern, pattern.flags), "")):
        for end in ("", "\0"):
            yield f"{start}{part * (length // len(part))}{end}"
            whole = f"{start}{part * 3}"
            yield whole * (length // len(whole)) + end


def _parts(nodes: Any, before: str) -> Iterator[tuple[str, str]]:
    """Yield what stands before each repetition, and what it repeats."""
    for kind, value in nodes:
        if kind in _REPEATS:
            if value[1] > 1 and (one := _sample(value[2])):
                yield before, one
                yield from ((before, letter) for letter in _LETTERS if _fits(value[2], letter))
            yield from _parts(value[2], before)
        elif kind is ops.SUBPATTERN:
            yield from _parts(value[3], before)
        elif kind is ops.BRANCH:
            for branch in value[1]:
                yield from _parts(branch, before)
        before += _sample([(kind, value)])


def _sample(nodes: Any) -> str:
    """Return a text that nodes match."""
    text = ""
    for kind, value in nodes:
        if kind is ops.LITERAL:
            text += chr(value)
        elif kind in {ops.ANY, ops.NOT_LITERAL, ops.IN}:
            text += next((each for each in "aA0 -./:@" if _fits([(kind, value)], each)), "\n")
        elif kind is ops.BRANCH:
            text += _sample(value[1][0])
        elif kind is ops.SUBPATTERN:
            text += _sample(value[3])
        elif kind in _REPEATS:
            text += _sample(value[2]) * max(1, value[0])
    return text


def _fits(nodes: Any, letter: str) -> bool:
    if len(nodes) != 1:
        return False
    kind, value = nodes[0]
    if kind is ops.IN:
        chosen = any(_is_one(each, letter) for each in value if each[0] is not ops.NEGATE)
        return chosen is not any(each[0] is ops.NEGATE for each in value)
    if kind is ops.NOT_LITERAL:
        return chr(value) != letter
    return kind is ops.ANY and letter != "\n"


def _is_one(node: Any, letter: str) -> bool:
    kind, value = node
    if kind is ops.LITERAL:
        return chr(value) == letter
    if kind is ops.RANGE:
        return value[0] <= ord(letter) <= value[1]
    word = letter.isalnum() or letter == "_"
    is_in = {"DIGIT": letter.isdigit(), "SPACE": letter.isspace(), "WORD": word}
    name = str(value).rpartition("CATEGORY_")[2]
    return is_in[name.removeprefix("NOT_")] is not name.startswith("NOT_")
