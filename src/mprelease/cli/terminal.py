"""What reaches a terminal: text and colours, and nothing by which foreign text steers it.

Logs, commits, refs and the words of vendors' tools come from people and programs that need not
mean well. An escape sequence in them could write into the clipboard (OSC 52), move the cursor and
overwrite what was said before, or turn the direction of text; so whatever is written passes here.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast


@contextmanager
def sanitized_streams() -> Iterator[None]:
    """Let whatever the block writes on standard output and error pass through `harmless`."""
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast("TextIO", _SanitizedStream(stream)) for stream in streams)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams


def unfiltered(stream: TextIO) -> TextIO:
    """Return the stream below, for what is drawn by us alone and moves the cursor."""
    return stream.below if isinstance(stream, _SanitizedStream) else stream


def sanitized(text: str, *, colours: bool) -> str:
    """Return the text without control characters but tab and line feed.

    With `colours`, sequences that only choose colours and weights stay, until the line's end.
    """
    if _PLAIN.fullmatch(text):
        return text
    kept = _ANY.sub(lambda found: _kept(found[0], colours=colours), text)
    return _COLOURED_LINE.sub(r"\g<0>" + _RESET, kept) if colours else kept


def sanitized_json(text: str) -> str:
    """Return a JSON text in which what `harmless` would take out is escaped: it says the same."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class _SanitizedStream:
    """A text stream; without a `buffer`, so that nobody writes past it."""

    def __init__(self, below: TextIO) -> None:
        self.below = below

    def write(self, text: str) -> int:
        self.below.write(sanitized(text, colours=self.below.isatty()))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":
            raise AttributeError(name)
        return getattr(self.below, name)


def _kept(sequence: str, *, colours: bool) -> str:
    return sequence if colours and _COLOUR.fullmatch(sequence) else ""


_RESET = "\x1b[0m"
_COLOUR = re.compile(r"\x1b\[[0-9;:]{0,64}m")
# Tab and line feed stay. C0, DEL and C1; line and paragraph separators; what turns directions.
_CONTROL_SET = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
_CONTROL = re.compile(rf"[{_CONTROL_SET}]")
_PLAIN = re.compile(rf"[^{_CONTROL_SET}]*")
_ANY = re.compile(
    # CSI … final; OSC, DCS, SOS, PM and APC … ST or BEL; other escapes; and each control alone.
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
    rf"|\x1b[ -/]*[0-~]|[{_CONTROL_SET}]"
)
# A line whose last colour is not the usual one.
_COLOURED_LINE = re.compile(r"\x1b\[(?!0?m)[0-9;:]*m[^\x1b\n]*(?=\n|\Z)")
