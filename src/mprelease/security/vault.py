"""Encrypt credentials, so that the database alone does not reveal them.

Envelope encryption: each secret is encrypted with its own key (AES-256-GCM), and that key with the
master key. The purpose (owner and kind of the secret) is authenticated, so that a sealed secret
cannot be decrypted after it was copied to another row.
"""

import hmac
import os
import secrets
from base64 import b64decode, b64encode
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.security.private_files import create_private

_KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_FINGERPRINT_DIGITS = 16
_SEALED_KEY_BYTES = _NONCE_BYTES + _KEY_BYTES + _TAG_BYTES
_FORMAT = b"\x01"


class Vault:
    """Seal and open secrets with one master key."""

    def __init__(self, master_key: bytes) -> None:
        """Take the 32 bytes of the master key."""
        self._master = AESGCM(master_key)
        self._fingerprints = hmac.digest(master_key, b"fingerprints", "sha256")
        self._keys = hmac.digest(master_key, b"keys", "sha256")

    def seal(self, secret: str, purpose: str) -> bytes:
        """Return the secret sealed for this purpose only."""
        key = AESGCM.generate_key(bit_length=_KEY_BYTES * 8)
        sealed_key = _encrypt(self._master, key, purpose)
        return _FORMAT + sealed_key + _encrypt(AESGCM(key), secret.encode(), purpose)

    def fingerprint(self, secret: str) -> str:
        """Return a keyed hash (16 hex digits) by which secrets can be compared, not recovered."""
        digest = hmac.new(self._fingerprints, secret.encode(), "sha256").hexdigest()
        return digest[:_FINGERPRINT_DIGITS]

    def key_for(self, purpose: str) -> bytes:
        """Return a key of 32 bytes for a purpose, derived from the master key."""
        return hmac.digest(self._keys, purpose.encode(), "sha256")

    def open(self, sealed: bytes, purpose: str) -> str:
        """Return the secret; raise Refused if the master key or the purpose differs."""
        body = sealed.removeprefix(_FORMAT)
        try:
            key = _decrypt(self._master, body[:_SEALED_KEY_BYTES], purpose)
            return _decrypt(AESGCM(key), body[_SEALED_KEY_BYTES:], purpose).decode()
        except InvalidTag:
            raise Refused(Problem.MASTER_KEY_WRONG) from None


def master_key(given: str | None, file: Path) -> bytes:
    """Return the given key (base64), or the file's, which is created (mode 0600) on first use.

    Raise Refused if the key is not 32 bytes in base64.
    """
    if given is None:
        if not file.exists():
            # If another process is faster, its key counts.
            create_private(file, b64encode(secrets.token_bytes(_KEY_BYTES)).decode() + "\n")
        given = file.read_text(encoding="ascii")
    try:
        key = b64decode(given.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise Refused(Problem.MASTER_KEY_WRONG)
    return key


def _encrypt(cipher: AESGCM, content: bytes, purpose: str) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, content, purpose.encode())


def _decrypt(cipher: AESGCM, sealed: bytes, purpose: str) -> bytes:
    return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], purpose.encode())
