"""The command line's output: sanitized for terminals, in any encoding, errors as messages.

Only text and colours pass, no other control sequences.

Logs, commits, refs and messages of vendors' tools are untrusted. An escape sequence in them could
write to the clipboard (OSC 52), move the cursor and overwrite earlier output, or change the
direction of text; so all output is sanitized.
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from typing import Any, TextIO, cast

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem


@contextmanager
def sanitized_streams() -> Iterator[None]:
    """Sanitize all that the block writes to standard output and standard error.

    Characters that an encoding lacks are written as escapes. Raise StageFailed(OUTPUT_UNWRITABLE)
    if standard output cannot be written; without standard error commands go on.
    """
    streams = sys.stdout, sys.stderr
    sys.stdout = cast("TextIO", _OutputStream(sys.stdout))
    sys.stderr = cast("TextIO", _MessageStream(sys.stderr))
    try:
        with _escaping(streams[0]), _escaping(streams[1]):
            yield
    finally:
        sys.stdout, sys.stderr = streams


def is_encodable(text: str) -> bool:
    """Return whether standard output can show all characters of a text."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def unfiltered(stream: TextIO) -> TextIO:
    """Return the original stream, for trusted output that moves the cursor."""
    return stream.below if isinstance(stream, _SanitizedStream) else stream


def sanitized(text: str, *, colours: bool) -> str:
    """Return the text without control characters and sequences, except tab and line feed.

    With `colours`, sequences for colours and weights are kept, and reset at the end of a line.
    """
    if _PLAIN.fullmatch(text):
        return text
    kept = _ANY.sub(lambda found: _kept(found[0], colours=colours), text)
    return _COLOURED_LINE.sub(r"\g<0>" + _RESET, kept) if colours else kept


def sanitized_json(text: str) -> str:
    """Return an equal JSON text in which control characters are escaped instead of removed."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class _SanitizedStream:
    """A text stream without `buffer`, so that output cannot bypass it."""

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


class _OutputStream(_SanitizedStream):
    def __init__(self, below: TextIO) -> None:
        super().__init__(below)
        self._failure: StageFailed | None = None

    def write(self, text: str) -> int:
        with self._failing():
            return super().write(text)

    def flush(self) -> None:
        with self._failing():
            self.below.flush()

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Raise StageFailed at the first error and ever after: typer's probes ignore errors."""
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            self._discard()
            detail = error.strerror or str(error)
            self._failure = StageFailed(Problem.OUTPUT_UNWRITABLE, detail=detail)
        if self._failure:
            raise self._failure

    def _discard(self) -> None:
        # Otherwise the interpreter tries once more to write what is left, and reports it.
        with suppress(OSError, ValueError):
            target = os.open(os.devnull, os.O_WRONLY)
            os.dup2(target, self.below.fileno())
            os.close(target)


class _MessageStream(_SanitizedStream):
    def write(self, text: str) -> int:
        with _unless_broken():
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with _unless_broken():
            self.below.flush()


@contextmanager
def _unless_broken() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError:
        pass  # A full disk, for example: the command's work does not depend on its messages.


@contextmanager
def _escaping(stream: TextIO) -> Iterator[None]:
    if not isinstance(stream, TextIOWrapper):
        yield
        return
    before = stream.errors
    stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        stream.reconfigure(errors=before)


def _kept(sequence: str, *, colours: bool) -> str:
    return sequence if colours and _COLOUR.fullmatch(sequence) else ""


_RESET = "\x1b[0m"
_COLOUR = re.compile(r"\x1b\[[0-9;:]{0,64}m")
# C0 without tab and line feed, DEL and C1; line and paragraph separators; direction controls.
_CONTROL_SET = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
_CONTROL = re.compile(rf"[{_CONTROL_SET}]")
_PLAIN = re.compile(rf"[^{_CONTROL_SET}]*")
_ANY = re.compile(
    # CSI … final; OSC, DCS, SOS, PM and APC … ST or BEL; other escapes; and each control alone.
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
    rf"|\x1b[ -/]*[0-~]|[{_CONTROL_SET}]"
)
# A line that ends with a colour that is not reset.
_COLOURED_LINE = re.compile(r"\x1b\[(?!0?m)[0-9;:]*m[^\x1b\n]*(?=\n|\Z)")
