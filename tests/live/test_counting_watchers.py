"""The watchers of the benchmarks notice what must not be."""

import pytest

from benchmarks.live.watchers import frames, read


def frame(payload: bytes) -> bytes:
    size = len(payload)
    if size <= 125:
        return bytes((129, size)) + payload
    if size < 2**16:
        return bytes((129, 126)) + size.to_bytes(2, "big") + payload
    return bytes((129, 127)) + size.to_bytes(8, "big") + payload


def test_frames_are_whole_however_they_arrive() -> None:
    sent = [b"a" * size for size in (0, 125, 126, 65_535, 65_536)]
    stream, buffer, got = b"".join(map(frame, sent)), bytearray(), []
    for start in range(0, len(stream), 7919):
        buffer += stream[start : start + 7919]
        got += [payload for _, payload in frames(buffer)]
    assert got == sent


def test_a_message_has_the_numbers_and_times_of_its_lines() -> None:
    time_ns = 1_795_320_000_000_000_000
    text = (
        b'{"passages":[[1,4,"build",["%d x","no time"]],[1,6,"publish",["z"]]],"over":true}'
        % time_ns
    )
    message = read(text)
    assert (message.first, message.last, message.times, message.is_over) == (4, 6, (time_ns,), True)


def test_lines_that_are_missing_within_a_message_are_noticed() -> None:
    with pytest.raises(ValueError, match="gap"):
        read(b'{"passages":[[1,4,"build",["x"]],[1,6,"build",["z"]]],"over":false}')
