"""The QR code of a preview."""

from io import BytesIO

import segno
from PIL import Image


def jpeg(content: str) -> bytes:
    """Draw the content as a QR code and return it as JPEG, the format of WeChat's replies."""
    drawn = BytesIO()
    segno.make_qr(content, error="m").save(drawn, kind="png", scale=8)
    encoded = BytesIO()
    Image.open(drawn).convert("RGB").save(encoded, format="JPEG", quality=90)
    return encoded.getvalue()
