"""Mask the CSRF token of a login, so that no two responses show the same bytes.

A response that is compressed tells by its length whether it repeats what its reader has sent (the
BREACH attack): a secret that stands in every page could be guessed letter by letter. So a page
shows the secret combined with a random pad, and the pad beside it, as Django does.
"""

import binascii
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode

from mprelease.security.tokens import is_same


def masked(secret: str) -> str:
    """Return a token for one response; each call returns another one."""
    content = secret.encode()
    pad = secrets.token_bytes(len(content))
    return urlsafe_b64encode(pad + _combined(pad, content)).decode()


def is_valid(token: str, secret: str) -> bool:
    """Tell whether a token was made of this secret; how far it agrees takes no other time."""
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
