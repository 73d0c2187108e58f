"""Avatars: uploaded pictures are decoded, cropped, and encoded again."""

import io
import threading
from warnings import catch_warnings, simplefilter

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem

LARGEST_BYTES = 5 * 2**20
_MOST_PIXELS = 25_000_000  # 100 MB in memory, at four bytes each
_SIDE = 128
_ORIENTATION = 0x0112  # a tag of Exif
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
# One picture of this process is in memory at a time; a waiting request occupies a thread.
_DECODING = threading.Lock()
_WAIT_SECONDS = 2.0


def avatar(content: bytes) -> bytes:
    """Return a square PNG of 128 pixels.

    Raise Refused(PICTURE_UNUSABLE), or Refused(PICTURES_BUSY) if the lock is not free in time.
    """
    if len(content) > LARGEST_BYTES:
        raise Refused(Problem.PICTURE_UNUSABLE)
    if not _DECODING.acquire(timeout=_WAIT_SECONDS):
        raise Refused(Problem.PICTURES_BUSY)
    try:
        return _drawn(content)
    finally:
        _DECODING.release()


def _drawn(content: bytes) -> bytes:
    # Imported here: it takes half a second, and few requests need it.
    from PIL import Image, ImageOps  # noqa: PLC0415

    try:
        with catch_warnings():
            # A small file may decode to a picture that fills the memory.
            simplefilter("error", Image.DecompressionBombWarning)
            # Until `draft` or `load` only the header is read.
            with Image.open(io.BytesIO(content), formats=_FORMATS) as given:
                if given.width * given.height > _MOST_PIXELS:
                    raise Refused(Problem.PICTURE_UNUSABLE)
                given.draft("RGB", (2 * _SIDE, 2 * _SIDE))
                small = ImageOps.fit(given.convert("RGBA"), (_SIDE, _SIDE))
                # Rotated after it was scaled down: the square is cut from the middle either way.
                small.getexif()[_ORIENTATION] = given.getexif().get(_ORIENTATION, 1)
                upright = ImageOps.exif_transpose(small)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Warning):
        raise Refused(Problem.PICTURE_UNUSABLE) from None
    drawn = io.BytesIO()
    upright.save(drawn, "PNG", optimize=True)
    return drawn.getvalue()
