"""Pictures of people, made small and harmless: what is kept is drawn anew."""

import io
import threading
from warnings import catch_warnings, simplefilter

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem

LARGEST_BYTES = 5 * 2**20
_WIDEST = 5000  # pixels, of what is drawn in memory
_SIDE = 128
_ONE = threading.Lock()
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")


def avatar(content: bytes) -> bytes:
    """Return a square PNG of 128 pixels; raise Refused(PICTURE_UNUSABLE)."""
    # Half of a second's work to load, for what few people do once.
    from PIL import Image, ImageOps  # noqa: PLC0415

    if len(content) > LARGEST_BYTES:
        raise Refused(Problem.PICTURE_UNUSABLE)
    try:
        with catch_warnings():
            # A few bytes may stand for a picture that fills the memory.
            simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=_FORMATS) as given, _ONE:
                if max(given.size) > _WIDEST:
                    raise Refused(Problem.PICTURE_UNUSABLE)
                upright = ImageOps.exif_transpose(given).convert("RGBA")
        small = ImageOps.fit(upright, (_SIDE, _SIDE))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Warning):
        raise Refused(Problem.PICTURE_UNUSABLE) from None
    drawn = io.BytesIO()
    small.save(drawn, "PNG", optimize=True)
    return drawn.getvalue()
