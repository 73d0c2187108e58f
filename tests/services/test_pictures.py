"""Pictures of people become small ones of our own, or are refused."""

import io
import struct
import subprocess
import sys
import tracemalloc
import zlib

import pytest
from PIL import Image

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.services import avatars

pytestmark = pytest.mark.lasting


def drawn(size: tuple[int, int], kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, "teal").save(stream, kind)
    return stream.getvalue()


def a_bomb() -> bytes:
    """A PNG of a few bytes that says it is 60,000 pixels wide and high."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    body = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + body + b"\x00" * 16


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_becomes_a_square_png(kind: str) -> None:
    with Image.open(io.BytesIO(avatars.avatar(drawn((400, 90), kind)))) as made:
        assert (made.format, made.size) == ("PNG", (128, 128))
        assert made.convert("RGB").getpixel((64, 64))[1] in range(120, 136)


@pytest.mark.parametrize(
    "content",
    [b"", b"<svg onload='alert(1)'/>", drawn((9, 9))[:40], a_bomb(), b"0" * 6_000_000],
    ids=["nothing", "svg", "cut", "bomb", "large"],
)
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(Refused) as refused:
        avatars.avatar(content)
    assert refused.value.problem_detail.problem is Problem.PICTURE_UNUSABLE


def test_thirty_large_pictures_at_once_take_the_memory_of_two_at_most() -> None:
    code = """
import io, resource, sys, threading
from PIL import Image
from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.services import avatars
stream = io.BytesIO()
Image.new("RGB", (5000, 5000), "teal").save(stream, "PNG")
avatars.avatar(stream.getvalue())
one, made, others = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, [], []
def ask():
    try:
        made.append(avatars.avatar(stream.getvalue()))
    except Refused as refused:
        others.append(refused.problem_detail.problem)
threads = [threading.Thread(target=ask) for _ in range(30)]
for each in threads: each.start()
for each in threads: each.join()
assert made and set(others) <= {Problem.PICTURES_BUSY}, (len(made), others)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - one)
"""
    answer = subprocess.run(
        (sys.executable, "-c", code), check=False, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    # A picture of 5,000 by 5,000 pixels is 95 MiB in memory.
    assert int(answer.stdout) < 200 * 1024


def test_a_picture_with_more_pixels_than_the_budget_is_refused_by_its_header_alone() -> None:
    wide = drawn((5001, 5000))
    tracemalloc.start()
    try:
        with pytest.raises(Refused) as refused:
            avatars.avatar(wide)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    assert refused.value.problem_detail.problem is Problem.PICTURE_UNUSABLE


def test_a_picture_taken_with_a_turned_camera_is_turned_back() -> None:
    picture, exif = Image.new("RGB", (400, 400), "white"), Image.Exif()
    picture.paste("red", (0, 0, 400, 200))
    # "The top of the scene is at the left": what is stored is turned against the clock.
    exif[0x0112] = 6
    stream = io.BytesIO()
    picture.save(stream, "JPEG", exif=exif)
    with Image.open(io.BytesIO(avatars.avatar(stream.getvalue()))) as made:
        right, left = made.convert("RGB").getpixel((110, 64)), made.convert("RGB").getpixel((9, 64))
    assert (right[1] < 60, left[1] > 200) == (True, True)


def test_whoever_waits_too_long_for_other_pictures_is_told_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(avatars, "_WAIT_SECONDS", 0.05)
    with avatars._DECODING, pytest.raises(Refused) as refused:
        avatars.avatar(drawn((9, 9)))
    assert refused.value.problem_detail.problem is Problem.PICTURES_BUSY
