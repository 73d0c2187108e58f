"""Check at WeChat an app id, its key and this host's IP address, without publishing.

The two requests are the first ones of miniprogram-ci 2.1.42, which only logs their failure and
continues to compile.
"""

import secrets
from typing import Any

import httpx

from mprelease.platforms import http
from mprelease.platforms.driver import Account, Route
from mprelease.platforms.stored_keys import stored_key
from mprelease.platforms.wechat.key import sign
from mprelease.platforms.wechat.refusals import HOST, Refusal, problem_of

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
    except (httpx.HTTPError, OSError, ValueError, KeyError, TypeError) as error:
        raise http.unreachable(HOST, error) from None


def _post(client: httpx.Client, call: str, app_id: str, body: dict[str, Any]) -> dict[str, Any]:
    response = client.post(call, params={"_r": str(secrets.randbelow(10**8))}, json=body)
    reply: dict[str, Any] = response.json()
    if code := reply["errCode"]:
        raise problem_of(Refusal(int(code), str(reply.get("errMsg", ""))), app_id)
    data: dict[str, Any] = reply.get("data") or {}
    return data
