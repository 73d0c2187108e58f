"""Hash and verify passwords with Argon2id."""

import hmac
import secrets
import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# RFC 9106, second recommendation: 64 MiB for each, so that a rush of logins must wait in line.
_HASHER = PasswordHasher()
_AT_ONCE = threading.BoundedSemaphore(2)
_INITIAL_BYTES = 12
_MARK_DIGITS = 8


def hashed(password: str) -> str:
    """Return what is stored of a password."""
    with _AT_ONCE:
        return _HASHER.hash(password)


def matches(password: str, stored: str) -> bool:
    """Tell whether a password is the one of which this is stored."""
    with _AT_ONCE:
        try:
            return _HASHER.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False


def spend_verification_time(password: str) -> None:
    """Take as long as for a name that exists, so that nobody learns which names do."""
    hashed(password)


def random_password() -> str:
    """Return a password for somebody who will change it."""
    return secrets.token_urlsafe(_INITIAL_BYTES)


def issued_password(key: bytes) -> str:
    """Return a random password by which whoever has the key sees that it was made here."""
    password = random_password()
    return password + _mark(key, password)


def is_issued(key: bytes, password: str) -> bool:
    """Tell whether a password was made with this key, which need not mean that it is valid."""
    begin, mark = password[:-_MARK_DIGITS], password[-_MARK_DIGITS:]
    return hmac.compare_digest(mark.encode(), _mark(key, begin).encode())


def _mark(key: bytes, password: str) -> str:
    return hmac.new(key, password.encode(), "sha256").hexdigest()[:_MARK_DIGITS]
