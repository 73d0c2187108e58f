"""Draw QR codes for platforms that return an address instead of an image."""

import io

import segno

_PIXELS_PER_MODULE = 8  # easy to scan from a screen, small as a file


def drawn(address: str) -> bytes:
    """Return the QR code of an address as a PNG, black on white."""
    image = io.BytesIO()
    code = segno.make(address, error="m", micro=False)
    code.save(image, kind="png", scale=_PIXELS_PER_MODULE, border=4, light="white")
    return image.getvalue()
