"""WeChat's upload key: an RSA private key for signatures without a hash."""

import json
from base64 import b64encode

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import NoDigestInfo
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from mprelease.domain.errors import Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.platforms.detection import credential_text


def read_key(content: bytes) -> str:
    """Validate a key file, and return its PEM with LF line ends and without a byte order mark.

    WeChat issues keys as PKCS#1; PKCS#8 works as well. Raise Refused(KEY_SHAPE), or
    Refused(CREDENTIAL_OF_OTHER_PLATFORM).
    """
    text = credential_text(content, Platform.WECHAT)
    pem = "".join(f"{line.strip()}\n" for line in text.strip().splitlines())
    _require_rsa(pem)
    return pem


def _require_rsa(pem: str) -> None:
    """Raise Refused(KEY_SHAPE) unless a PEM is an RSA private key."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Refused(Problem.KEY_SHAPE) from None
    if not isinstance(key, RSAPrivateKey):
        raise Refused(Problem.KEY_SHAPE)


def sign(key: RSAPrivateKey, app_id: str, random_string: str) -> str:
    """Sign a request like miniprogram-ci 2.1.42: PKCS#1 v1.5 type 1 padding, no hash."""
    claim = json.dumps({"appid": app_id, "rand_str": random_string}, separators=(",", ":"))
    return b64encode(key.sign(claim.encode(), PKCS1v15(), NoDigestInfo())).decode("ascii")
