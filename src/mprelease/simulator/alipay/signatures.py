"""How a call is signed: its fields in the order of their names, by RSA and SHA-256."""

import base64
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

_UNSIGNED = {"toolId", "toolType"}


def is_signed(fields: Mapping[str, str], headers: Mapping[str, str], key: RSAPublicKey) -> bool:
    """Tell whether the key's owner made the call."""
    text = "&".join(f"{name}={fields[name]}" for name in sorted(fields.keys() - _UNSIGNED))
    if headers.get("signtype") != "SHA256WithRSA" or fields.get("toolType") != "CLI":
        return False
    try:
        signature = base64.b64decode(headers.get("sign", ""), validate=True)
        key.verify(signature, text.encode(), PKCS1v15(), SHA256())
    except (ValueError, InvalidSignature):
        return False
    return True
