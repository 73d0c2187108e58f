"""Alipay's credential: the id of a tool, and its RSA key for signatures."""

import binascii
import json
from base64 import b64decode
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)

from mprelease.domain.errors import Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.platforms.detection import credential_text


@dataclass(frozen=True)
class ToolKey:
    """A tool's id and its private key as PKCS#8 in PEM, the only format that minidev reads."""

    tool_id: str
    private_key: str = field(repr=False)


def read_credential(content: bytes) -> str:
    """Parse a credential's JSON file; return the tool's id and, from the next line on, the key.

    The key may be PKCS#1 or PKCS#8, with or without PEM's first and last line; the vendor's tools
    create all of these. Raise Refused(KEY_SHAPE), or Refused(CREDENTIAL_OF_OTHER_PLATFORM).
    """
    tool_id, key = _given(credential_text(content, Platform.ALIPAY))
    return f"{tool_id}\n{_as_pkcs8(_key_in(key))}"


def opened(credential: str) -> ToolKey:
    """Parse the text that `read_credential` returned."""
    tool_id, _, key = credential.partition("\n")
    return ToolKey(tool_id, key)


def _given(text: str) -> tuple[str, str]:
    try:
        match json.loads(text):
            case {"toolId": str(tool_id), "privateKey": str(key)} if tool_id.isalnum():
                return tool_id, key
    except (ValueError, RecursionError):
        pass
    raise Refused(Problem.KEY_SHAPE)


def _key_in(text: str) -> RSAPrivateKey:
    try:
        key = _loaded(text)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Refused(Problem.KEY_SHAPE) from None
    if not isinstance(key, RSAPrivateKey):
        raise Refused(Problem.KEY_SHAPE)
    return key


def _loaded(text: str) -> object:
    if "-----BEGIN" in text:
        lines = (line.strip() for line in text.strip().splitlines())
        return load_pem_private_key("\n".join(lines).encode(), password=None)
    try:
        der = b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise ValueError from error
    return load_der_private_key(der, password=None)


def _as_pkcs8(key: RSAPrivateKey) -> str:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode("ascii").strip()
