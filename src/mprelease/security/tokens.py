"""Secrets that a browser or a program shows again: only their digest is kept."""

import hashlib
import hmac
import secrets

_BYTES = 32


def new_token() -> str:
    """Return a secret that nobody can guess."""
    return secrets.token_urlsafe(_BYTES)


def digest(token: str) -> str:
    """Return what is stored of a token; a random one of 256 bits needs no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_same(given: str, expected: str) -> bool:
    """Compare without telling by the time how far they agree."""
    return hmac.compare_digest(given.encode(), expected.encode())
