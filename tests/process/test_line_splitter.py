import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mprelease.process.line_splitter import LONGEST, LastLines, LineSplitter


def cut(*chunks: bytes) -> list[str]:
    given_lines: list[str] = []
    lines = LineSplitter(given_lines.append)
    for chunk in chunks:
        lines.feed(chunk)
    lines.end()
    return given_lines


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ((b"a\nb\r\nc",), ["a", "b", "c"]),
        ((b"10%\r20%\rdone\n",), ["done"]),
        ((b"10%\r20%\r\nnext",), ["20%", "next"]),
        ((b"10%\r20%\r",), ["20%"]),
        ((b"\x1b[1G10%\x1b[1G20%\n",), ["20%"]),
        ((b"a\r", b"\nb\n"), ["a", "b"]),
        ((b"a\n\nb\n",), ["a", "", "b"]),
        ((b"\xe5\x8f", b"\x91\n"), ["发"]),
        ((b"\xff\n",), ["�"]),
        ((b"",), []),
    ],
)
def test_lines_end_with_a_newline_and_are_drawn_anew_after_a_carriage_return(
    chunks: tuple[bytes, ...], expected: list[str]
) -> None:
    assert cut(*chunks) == expected


def test_a_progress_line_that_is_drawn_a_thousand_times_is_one_line() -> None:
    """Issue 12, number 13."""
    steps = b"".join(b"\rloading %d/1000" % step for step in range(1001))
    assert cut(b"begin\n", steps, b"\nend\n") == ["begin", "loading 1000/1000", "end"]


def test_a_progress_line_that_goes_on_is_seen_now_and_then() -> None:
    """Issue 12, number 13: whoever watches sees that it lives."""
    seen: list[str] = []
    clock = iter(range(100))
    lines = LineSplitter(seen.append, now=lambda: next(clock))
    for second in range(25):
        lines.feed(b"%d s\r" % second)
    assert seen == ["10 s", "20 s"]
    lines.feed(b"done\n")
    assert seen == ["10 s", "20 s", "done"]


def test_the_last_lines_are_bounded_in_number_and_in_characters() -> None:
    """Issue 12, number 32."""
    few = LastLines(3)
    short = LastLines(10**6, characters=40_000, longest=4000)
    for number in range(100):
        few.add(str(number))
        short.add("x" * LONGEST)
    assert list(few) == ["97", "98", "99"]
    assert sum(map(len, short)) == 40_000


def test_a_very_long_line_comes_in_pieces_of_whole_characters() -> None:
    line = "x" + "发" * LONGEST
    pieces = cut(line.encode())
    assert "".join(pieces) == line
    assert max(len(piece.encode()) for piece in pieces) <= LONGEST


def test_a_line_that_grows_a_byte_at_a_time_costs_no_more_than_another() -> None:
    seen: list[str] = []
    lines = LineSplitter(seen.append)
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
