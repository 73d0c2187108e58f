"""Show the colours of a terminal's output as HTML; everything else that it could do is left out."""

import re
from collections.abc import Iterator

from markupsafe import Markup, escape

_SEQUENCE = re.compile(
    r"\x1b\[([0-9;:?]*)([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|[\x00-\x08\x0b-\x1f\x7f]"
)
_COLORS = range(30, 38)
_BRIGHT = range(90, 98)
_NO_COLOR = 39


def html(text: str) -> Markup:
    """Return a line with its colours, and nothing in it that a browser would take for HTML."""
    return Markup("").join(_parts(text))


def _parts(text: str) -> Iterator[Markup]:
    color, is_bold, position = "", False, 0
    for found in _SEQUENCE.finditer(text):
        yield _painted(text[position : found.start()], color, is_bold=is_bold)
        position = found.end()
        if found[2] == "m":
            color, is_bold = _after(found[1], color, is_bold=is_bold)
    yield _painted(text[position:], color, is_bold=is_bold)


def _after(codes: str, color: str, *, is_bold: bool) -> tuple[str, bool]:
    for code in (int(one) if one.isdecimal() else 0 for one in codes.split(";")):
        if code == 0:
            color, is_bold = "", False
        elif code in {1, 22}:
            is_bold = code == 1
        elif code in _COLORS or code in _BRIGHT:
            color = f"c{code % 10}"
        elif code == _NO_COLOR:
            color = ""
    return color, is_bold


def _painted(text: str, color: str, *, is_bold: bool) -> Markup:
    names = " ".join(filter(None, (color, "b" if is_bold else "")))
    if not text or not names:
        return escape(text)
    return Markup('<span class="{}">{}</span>').format(names, text)
