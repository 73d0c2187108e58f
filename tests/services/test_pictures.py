"""Pictures of people become small ones of our own, or are refused."""

import io
import struct
import zlib

import pytest
from PIL import Image

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.services import pictures


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
    with Image.open(io.BytesIO(pictures.avatar(drawn((400, 90), kind)))) as made:
        assert (made.format, made.size) == ("PNG", (128, 128))
        assert made.convert("RGB").getpixel((64, 64))[1] in range(120, 136)


@pytest.mark.parametrize(
    "content",
    [b"", b"<svg onload='alert(1)'/>", drawn((9, 9))[:40], a_bomb(), b"0" * 6_000_000],
    ids=["nothing", "svg", "cut", "bomb", "large"],
)
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(Refused) as refused:
        pictures.avatar(content)
    assert refused.value.trouble.problem is Problem.PICTURE_UNUSABLE
