"""Read the image of a QR code that a confined process, or a platform, has made."""

import io
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from warnings import catch_warnings, simplefilter

QR_CODE = "qr-code"
"""The file in scratch where a bridge puts the image of a QR code; its name is ours alone."""

LARGEST_BYTES = 2 * 2**20
_MOST_PIXELS = 4_000_000
_MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg"}
_NO_WAITING = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(frozen=True)
class Image:
    """A PNG or JPEG with its media type, both as its bytes say."""

    content: bytes
    media_type: str


def image_in(scratch: Path) -> Image | None:
    """Return the QR code in a scratch folder; None unless it is a small PNG or JPEG.

    The folder belongs to a process that may have put anything there: no link is followed, nothing
    but a plain file of the same owner is opened, and 2 MiB of it at most.
    """
    try:
        folder = os.open(scratch, _NO_WAITING | os.O_DIRECTORY)
        try:
            content = _plain_content(folder)
        finally:
            os.close(folder)
    except OSError:
        return None
    return image_of(content) if content is not None else None


def image_of(content: bytes) -> Image | None:
    """Return bytes as an image; None unless they are a PNG or JPEG of modest size."""
    # Half of a second's work to load, and only for whoever publishes.
    from PIL import Image as Pictures  # noqa: PLC0415

    if len(content) > LARGEST_BYTES:
        return None
    try:
        with catch_warnings():
            simplefilter("error", Pictures.DecompressionBombWarning)
            with Pictures.open(io.BytesIO(content), formats=tuple(_MEDIA_TYPES)) as picture:
                width, height = picture.size
                media_type = _MEDIA_TYPES[str(picture.format)]
                picture.verify()
    except (
        OSError,
        ValueError,
        SyntaxError,
        LookupError,
        Pictures.DecompressionBombError,
        Warning,
    ):
        return None
    return Image(content, media_type) if width * height <= _MOST_PIXELS else None


def _plain_content(folder: int) -> bytes | None:
    descriptor = os.open(QR_CODE, _NO_WAITING, dir_fd=folder)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        # A second name would be of a file that lies elsewhere as well.
        is_its_own = found.st_uid == os.fstat(folder).st_uid and found.st_nlink == 1
        if not stat.S_ISREG(found.st_mode) or not is_its_own or found.st_size > LARGEST_BYTES:
            return None
        return file.read(LARGEST_BYTES + 1)
