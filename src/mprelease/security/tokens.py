"""Tokens of sessions and of the API: random secrets of which only the digest is stored."""

import hashlib
import hmac
import secrets

_BYTES = 32


def new_token() -> str:
    """Return a random token of 256 bits."""
    return secrets.token_urlsafe(_BYTES)


def digest(token: str) -> str:
    """Return the SHA-256 digest of a token; one of 256 random bits needs no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_same(given: str, expected: str) -> bool:
    """Compare two strings in constant time."""
    return hmac.compare_digest(given.encode(), expected.encode())
