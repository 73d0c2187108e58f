"""Mask the CSRF token of a session, so that no two responses contain the same bytes.

The length of a compressed response depends on whether it repeats what the request contained (the
BREACH attack), so a constant secret in every page could be guessed letter by letter. A page
contains the secret combined with a random pad, and the pad, as in Django.
"""

import binascii
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode

from mprelease.security.tokens import is_same


def masked(secret: str) -> str:
    """Return the secret with a new random mask, for one response."""
    content = secret.encode()
    pad = secrets.token_bytes(len(content))
    return urlsafe_b64encode(pad + _combined(pad, content)).decode()


def is_valid(token: str, secret: str) -> bool:
    """Return whether a token was made from this secret; compares in constant time."""
    try:
        content = urlsafe_b64decode(token.encode())
    except (binascii.Error, ValueError):
        return False
    half, odd = divmod(len(content), 2)
    if odd or not half:
        return False
    return is_same(_combined(content[:half], content[half:]).hex(), secret.encode().hex())


def _combined(pad: bytes, content: bytes) -> bytes:
    return bytes(left ^ right for left, right in zip(pad, content, strict=True))
