"""The registered apps of the simulated Alipay, and the signatures of their tools.

A tool signs the fields of a call in the order of their names, with RSA and SHA-256 (measured with
minidev 2.2.5).
"""

import base64
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from mprelease.simulator.alipay import protocol
from mprelease.simulator.keys import public_half
from mprelease.simulator.vendor_service import Fault, Faults

_UNSIGNED = {"toolId", "toolType"}


@dataclass(frozen=True)
class _Account:
    tool_id: str
    key: RSAPublicKey
    allowed_ips: frozenset[str] | None


class Accounts:
    """The registered apps; a change takes effect with the next call."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._accounts: dict[str, _Account] = {}

    def register(
        self, app_id: str, tool_id: str, key: str, allowed_ips: Collection[str] | None
    ) -> None:
        """Add an app, or replace its tool; raise ValueError for a key that is not RSA."""
        listed = None if allowed_ips is None else frozenset(allowed_ips)
        self._accounts[app_id] = _Account(tool_id, public_half(key), listed)

    def authorize(self, fields: Mapping[str, str], headers: Mapping[str, str], client: str) -> str:
        """Return the app of a call.

        Raise Rejected unless the app's tool signed the call, from an address on its list.
        """
        app_id = fields.get("appId", "")
        fault = self._faults.get(app_id)
        account = self._accounts.get(app_id)
        if account is None or fault is Fault.UNKNOWN_APP:
            raise protocol.unknown_app(app_id)
        is_own = fields.get("toolId") == account.tool_id
        if fault is Fault.BAD_KEY or not is_own or not _is_signed(fields, headers, account.key):
            raise protocol.wrong_key()
        is_listed = account.allowed_ips is None or client in account.allowed_ips
        if fault is Fault.BAD_IP or not is_listed:
            raise protocol.ip_not_listed(client)
        return app_id


def _is_signed(fields: Mapping[str, str], headers: Mapping[str, str], key: RSAPublicKey) -> bool:
    text = "&".join(f"{name}={fields[name]}" for name in sorted(fields.keys() - _UNSIGNED))
    if headers.get("signtype") != "SHA256WithRSA" or fields.get("toolType") != "CLI":
        return False
    try:
        signature = base64.b64decode(headers.get("sign", ""), validate=True)
        key.verify(signature, text.encode(), PKCS1v15(), SHA256())
    except (ValueError, InvalidSignature):
        return False
    return True
