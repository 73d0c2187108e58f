"""Images of QR codes: read those of a confined process or a platform, and draw others."""

import io
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from warnings import catch_warnings, simplefilter

import segno

QR_CODE = "qr-code"
"""The file name, in scratch, of the QR code image that a bridge writes."""

LARGEST_BYTES = 2 * 2**20
_PIXELS_PER_MODULE = 8  # easy to scan from a screen, small as a file
_MOST_PIXELS = 4_000_000
_MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg"}
_SAFE_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(frozen=True)
class Image:
    """A PNG or JPEG, with the media type that was detected in its content."""

    content: bytes
    media_type: str


def image_in(scratch: Path) -> Image | None:
    """Return the QR code in a scratch folder; None unless it is a small PNG or JPEG.

    The folder belongs to an untrusted process: links are not followed, and only a regular file of
    the folder's owner, without further hard links and of at most 2 MiB, is read.
    """
    try:
        folder = os.open(scratch, _SAFE_FLAGS | os.O_DIRECTORY)
        try:
            content = _plain_content(folder)
        finally:
            os.close(folder)
    except OSError:
        return None
    return image_of(content) if content is not None else None


def image_of(content: bytes) -> Image | None:
    """Return an image; None unless it is a PNG or JPEG of at most 2 MiB and 4 million pixels."""
    # Imported here because it takes half a second, and only publishing needs it.
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
    descriptor = os.open(QR_CODE, _SAFE_FLAGS, dir_fd=folder)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        # With a second hard link it could be a file from elsewhere.
        is_its_own = found.st_uid == os.fstat(folder).st_uid and found.st_nlink == 1
        if not stat.S_ISREG(found.st_mode) or not is_its_own or found.st_size > LARGEST_BYTES:
            return None
        return file.read(LARGEST_BYTES + 1)


def draw_qr_code(address: str) -> bytes:
    """Return the QR code of an address as a PNG, black on white."""
    image = io.BytesIO()
    code = segno.make(address, error="m", micro=False)
    code.save(image, kind="png", scale=_PIXELS_PER_MODULE, border=4, light="white")
    return image.getvalue()
