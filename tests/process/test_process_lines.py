import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mprelease.process.lines import LONGEST, Lines


def cut(*chunks: bytes) -> list[str]:
    given_lines: list[str] = []
    lines = Lines(given_lines.append)
    for chunk in chunks:
        lines.feed(chunk)
    lines.end()
    return given_lines


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ((b"a\nb\r\nc",), ["a", "b", "c"]),
        ((b"10%\r20%\rdone\n",), ["10%", "20%", "done"]),
        ((b"a\r", b"\nb\n"), ["a", "b"]),
        ((b"a\n\nb\n",), ["a", "", "b"]),
        ((b"\xe5\x8f", b"\x91\n"), ["发"]),
        ((b"\xff\n",), ["�"]),
        ((b"",), []),
    ],
)
def test_lines_end_with_a_newline_or_a_carriage_return(
    chunks: tuple[bytes, ...], expected: list[str]
) -> None:
    assert cut(*chunks) == expected


def test_a_progress_bar_is_seen_before_its_next_step() -> None:
    seen: list[str] = []
    Lines(seen.append).feed(b"10%\r")
    assert seen == ["10%"]


def test_a_very_long_line_comes_in_pieces_of_whole_characters() -> None:
    line = "x" + "发" * LONGEST
    pieces = cut(line.encode())
    assert "".join(pieces) == line
    assert max(len(piece.encode()) for piece in pieces) <= LONGEST


def test_a_line_that_grows_a_byte_at_a_time_costs_no_more_than_another() -> None:
    seen: list[str] = []
    lines = Lines(seen.append)
    began = time.thread_time()
    for _ in range(4 * LONGEST):
        lines.feed(b"x")
    assert len(seen) == 3
    assert time.thread_time() - began < 2


@given(st.text(alphabet="a\r\n"), st.sets(st.integers(0, 100)))
def test_where_the_stream_is_torn_makes_no_difference(text: str, tears: set[int]) -> None:
    stream = text.encode()
    borders = sorted({0, len(stream), *(tear for tear in tears if tear < len(stream))})
    assert cut(*(stream[begin:end] for begin, end in pairwise(borders))) == cut(stream)
