"""The QR codes of previews and experience versions, fetched by their address."""

import re
import secrets
from io import BytesIO

import segno

CODES = "mobilecodec.alipay.com"
"""Where the images lie."""

_PATH = re.compile(r"/qr/[0-9a-f]{16}\.png")


def new_address() -> str:
    """Return the address of a new QR code; made up, as what the code itself says."""
    return f"https://{CODES}/qr/{secrets.token_hex(8)}.png"


def is_code(path: str) -> bool:
    """Tell whether a path leads to a QR code."""
    return _PATH.fullmatch(path) is not None


def png(path: str) -> bytes:
    """Draw the QR code that lies at a path."""
    drawn = BytesIO()
    segno.make_qr(f"https://{CODES}{path}", error="m").save(drawn, kind="png", scale=6)
    return drawn.getvalue()
