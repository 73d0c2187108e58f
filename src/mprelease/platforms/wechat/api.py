"""WeChat's upload key, and the two requests that check it without publishing.

The key is an RSA private key for signatures without a hash. The requests are the first ones of
miniprogram-ci 2.1.42, which only logs their failure and continues to compile.
"""

import json
import secrets
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import NoDigestInfo
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from mprelease.domain.errors import Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.platforms import http
from mprelease.platforms.detection import credential_text
from mprelease.platforms.driver import Account, Route
from mprelease.platforms.stored_keys import stored_key
from mprelease.platforms.wechat.events import HOST, Refusal, problem_of


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


if TYPE_CHECKING:
    import httpx

# The tool sends this constant with every request; its purpose is not documented.
_COOKIE = "wxuin=16361198655900; uniproxy_host=mmbizuniproxy; uniproxy_uid=42152"


def check_account(account: Account, route: Route) -> None:
    """Raise StageFailed unless WeChat accepts the account.

    Every wait for the network times out after 5 s.
    """
    key = stored_key(account.credential)
    app_id = account.platform_app_id
    try:
        with http.client(route, f"https://{HOST}/wxa/ci/", {"Cookie": _COOKIE}) as client:
            body = {"appid": app_id, "clientRand": secrets.randbelow(10**8)}
            answer = _post(client, "getrandstr", app_id, body)
            signature = sign(key, app_id, str(answer["randomString"]))
            _post(client, "getattr", app_id, {"appid": app_id, "signature": signature})
    except (ValueError, KeyError, TypeError) as error:
        raise http.unreachable(HOST, error) from None


def _post(client: "httpx.Client", call: str, app_id: str, body: dict[str, Any]) -> dict[str, Any]:
    response = client.post(call, params={"_r": str(secrets.randbelow(10**8))}, json=body)
    reply: dict[str, Any] = response.json()
    if code := reply["errCode"]:
        raise problem_of(Refusal(int(code), str(reply.get("errMsg", ""))), app_id)
    data: dict[str, Any] = reply.get("data") or {}
    return data
