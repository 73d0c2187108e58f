"""Ask WeChat whether it accepts an app id, its key and our address, without publishing anything.

The two calls are the ones with which miniprogram-ci 2.1.42 begins; it only logs their failure and
compiles on.
"""

import secrets
from typing import Any

import httpx

from mprelease.platforms import http
from mprelease.platforms.driver import Account, Route
from mprelease.platforms.stored_keys import stored_key
from mprelease.platforms.wechat.key import sign
from mprelease.platforms.wechat.refusals import HOST, Refusal, problem_of

# The tool sends this constant with every call; what it does there is not documented.
_COOKIE = "wxuin=16361198655900; uniproxy_host=mmbizuniproxy; uniproxy_uid=42152"


def check_account(account: Account, route: Route) -> None:
    """Return when WeChat accepts the account; raise StageFailed otherwise.

    Each wait for the network takes 5 s at most.
    """
    key = stored_key(account.credential)
    app_id = account.platform_app_id
    try:
        with http.client(route, f"https://{HOST}/wxa/ci/", {"Cookie": _COOKIE}) as client:
            question = {"appid": app_id, "clientRand": secrets.randbelow(10**8)}
            answer = _ask(client, "getrandstr", app_id, question)
            signature = sign(key, app_id, str(answer["randomString"]))
            _ask(client, "getattr", app_id, {"appid": app_id, "signature": signature})
    except (httpx.HTTPError, OSError, ValueError, KeyError, TypeError) as error:
        raise http.unreachable(HOST, error) from None


def _ask(client: httpx.Client, call: str, app_id: str, question: dict[str, Any]) -> dict[str, Any]:
    response = client.post(call, params={"_r": str(secrets.randbelow(10**8))}, json=question)
    reply: dict[str, Any] = response.json()
    if code := reply["errCode"]:
        raise problem_of(Refusal(int(code), str(reply.get("errMsg", ""))), app_id)
    data: dict[str, Any] = reply.get("data") or {}
    return data
