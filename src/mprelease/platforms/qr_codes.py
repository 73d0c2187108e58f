"""Draw the QR codes for which a platform gives an address, and no image."""

import io

import segno

_DOTS = 8  # pixels per module: well readable on a screen, small as a file


def drawn(address: str) -> bytes:
    """Return an address as a PNG, black on white."""
    image = io.BytesIO()
    code = segno.make(address, error="m", micro=False)
    code.save(image, kind="png", scale=_DOTS, border=4, light="white")
    return image.getvalue()
