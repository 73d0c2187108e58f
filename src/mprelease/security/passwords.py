"""Hash and verify passwords with Argon2id."""

import hmac
import secrets
import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# RFC 9106, second recommended option: 64 MiB per hash, so the number of parallel ones is limited.
_HASHER = PasswordHasher()
_AT_ONCE = threading.BoundedSemaphore(2)
_INITIAL_BYTES = 12
_CHECK_SUM_DIGITS = 8


def hashed(password: str) -> str:
    """Return the Argon2id hash of a password, with its parameters."""
    with _AT_ONCE:
        return _HASHER.hash(password)


def matches(password: str, stored: str) -> bool:
    """Return whether a password matches a stored hash; False for a malformed one."""
    with _AT_ONCE:
        try:
            return _HASHER.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False


def spend_verification_time(password: str) -> None:
    """Take as long as `matches`, so that the time does not reveal which user names exist."""
    hashed(password)


def random_password() -> str:
    """Return a random initial password of 96 bits."""
    return secrets.token_urlsafe(_INITIAL_BYTES)


def issued_password(key: bytes) -> str:
    """Return a random password with a check sum, by which `is_issued` recognises it."""
    password = random_password()
    return password + _check_sum(key, password)


def is_issued(key: bytes, password: str) -> bool:
    """Return whether a password was issued with this key; it need not be valid any more."""
    random, check_sum = password[:-_CHECK_SUM_DIGITS], password[-_CHECK_SUM_DIGITS:]
    return hmac.compare_digest(check_sum.encode(), _check_sum(key, random).encode())


def _check_sum(key: bytes, password: str) -> str:
    return hmac.new(key, password.encode(), "sha256").hexdigest()[:_CHECK_SUM_DIGITS]
