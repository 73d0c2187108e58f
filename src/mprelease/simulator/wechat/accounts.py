"""The registered apps of the simulated WeChat, and the verification of their keys.

A caller requests a random string and signs it with the upload key (measured with miniprogram-ci
2.1.42). Each string is accepted once, for one app.
"""

import base64
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from threading import Lock

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from pydantic import BaseModel, ValidationError

from mprelease.simulator.keys import public_half
from mprelease.simulator.vendor_service import Fault, Faults
from mprelease.simulator.wechat import protocol


@dataclass(frozen=True)
class _Account:
    key: RSAPublicKey
    allowed_ips: frozenset[str] | None


class Accounts:
    """The registered apps; a change takes effect with the next call. Thread-safe."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._accounts: dict[str, _Account] = {}
        self._random_strings = _RandomStrings()

    def register(self, app_id: str, key: str, allowed_ips: Collection[str] | None) -> None:
        """Add an app, or replace its key and list; raise ValueError for a key that is not RSA."""
        listed = None if allowed_ips is None else frozenset(allowed_ips)
        self._accounts[app_id] = _Account(public_half(key), listed)

    def new_random_string(self, app_id: str) -> str:
        """Return a new string to be signed, also for unknown apps."""
        return self._random_strings.new(app_id)

    def authorize(self, app_id: str, signature: str, client: str) -> None:
        """Raise Rejected unless the app's key signed this call, from an address on its list."""
        fault = self._faults.get(app_id)
        account = self._accounts.get(app_id)
        if account is None or fault is Fault.UNKNOWN_APP:
            raise protocol.unknown_app()
        is_listed = account.allowed_ips is None or client in account.allowed_ips
        if not is_listed or fault is Fault.BAD_IP:
            raise protocol.ip_not_listed(client)
        is_signed = self._random_strings.accept(app_id, account.key, signature)
        if not is_signed or fault is Fault.BAD_KEY:
            raise protocol.wrong_key()


class _RandomStrings:
    """The random strings that were issued and not used yet."""

    def __init__(self) -> None:
        self._unused: set[tuple[str, str]] = set()
        self._lock = Lock()

    def new(self, app_id: str) -> str:
        text = secrets.token_hex(16)
        with self._lock:
            self._unused.add((app_id, text))
        return text

    def accept(self, app_id: str, key: RSAPublicKey, signature: str) -> bool:
        """Return whether the key's owner signed an unused string of this app, and use it up."""
        proof = _verified(key, signature)
        if proof is None or proof.appid != app_id:
            return False
        with self._lock:
            is_unused = (app_id, proof.rand_str) in self._unused
            self._unused.discard((app_id, proof.rand_str))
        return is_unused


class _Proof(BaseModel):
    """The text that was signed."""

    appid: str
    rand_str: str


def _verified(key: RSAPublicKey, signature: str) -> _Proof | None:
    # The tool signs the text itself with the private key: PKCS #1 v1.5, type 1, no hash.
    try:
        text = key.recover_data_from_signature(
            base64.b64decode(signature, validate=True), PKCS1v15(), None
        )
        return _Proof.model_validate_json(text)
    except (ValueError, InvalidSignature, ValidationError):
        return None
