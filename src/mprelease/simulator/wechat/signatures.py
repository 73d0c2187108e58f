"""Random strings that clients sign: each is good for one call of one app."""

import base64
import secrets
from threading import Lock

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from pydantic import ValidationError

from mprelease.simulator.wechat.calls import Proof


class RandomStrings:
    """Give out random strings and take each back once; safe to use from many threads."""

    def __init__(self) -> None:
        """Begin with none given out."""
        self._unused: set[tuple[str, str]] = set()
        self._lock = Lock()

    def new(self, app_id: str) -> str:
        """Give out one for an app."""
        text = secrets.token_hex(16)
        with self._lock:
            self._unused.add((app_id, text))
        return text

    def accept(self, app_id: str, key: RSAPublicKey, signature: str) -> bool:
        """Tell whether the key's owner signed an unused string for this app, and use it up."""
        proof = _opened(key, signature)
        if proof is None or proof.appid != app_id:
            return False
        return self._use_up((app_id, proof.rand_str))

    def _use_up(self, ticket: tuple[str, str]) -> bool:
        with self._lock:
            is_unused = ticket in self._unused
            self._unused.discard(ticket)
        return is_unused


def _opened(key: RSAPublicKey, signature: str) -> Proof | None:
    # The tool encrypts the text itself with the private key: PKCS #1 v1.5, type 1, no hash.
    try:
        text = key.recover_data_from_signature(
            base64.b64decode(signature, validate=True), PKCS1v15(), None
        )
        return Proof.model_validate_json(text)
    except (ValueError, InvalidSignature, ValidationError):
        return None
