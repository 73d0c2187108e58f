"""Ask Douyin whether it accepts a credential, and which version it has, without publishing.

The calls are those of tt-ide-cli 0.1.33.
"""

import json
from typing import Any

import httpx

from mprelease.platforms import http
from mprelease.platforms.douyin.credential import Login, Token, opened
from mprelease.platforms.douyin.refusals import HOST, Reply, login_refused, problem_of
from mprelease.platforms.driver import Account, Route

_SESSION = "sessionid_microapp"
_NO_VERSION = "0.0.0"


def last_version(account: Account, route: Route) -> str | None:
    """Return the version that the platform counts from, None before the first.

    Raise StageFailed when the platform does not accept the credential, or cannot be asked. Each
    wait for the network takes 5 s at most.
    """
    who, app_id = opened(account.credential), account.platform_app_id
    try:
        with http.client(route, f"https://{HOST}") as client:
            headers = _headers(client, who, app_id)
            answer = _ask(client, headers, app_id, who)
    except (httpx.HTTPError, OSError) as error:
        raise http.unreachable(HOST, error) from None
    version = str(answer.get("audit_version") or "")
    return version if version not in {"", _NO_VERSION} else None


def _headers(client: httpx.Client, who: Token | Login, app_id: str) -> dict[str, str]:
    if isinstance(who, Token):
        return {"x-cli-token": who.token, "x-cli-appid": app_id}
    session = _log_in(client, who)
    names = (_SESSION, "sessionid", "sessionid_dy_open")
    return {"Cookie": ";".join(f"{name}={session}" for name in names)}


def _log_in(client: httpx.Client, who: Login) -> str:
    form = {
        "aid": "1365",
        "mix_mode": "1",
        "email": _mixed(who.email),
        "password": _mixed(who.password),
    }
    response = client.post("/passport/web/email/login/", data=form)
    reply = _content(response)
    session = response.cookies.get(_SESSION)
    # The cookies of the login are sent as the tool does it, and not by the client on its own.
    client.cookies.clear()
    if reply.get("message") == "success" and session:
        return session
    data = reply.get("data")
    said = data.get("description") if isinstance(data, dict) else reply.get("message")
    raise login_refused(str(said or response.status_code))


def _ask(
    client: httpx.Client, headers: dict[str, str], app_id: str, who: Token | Login
) -> dict[str, Any]:
    response = client.get(
        "/api/developer/ide/v1/microapp/versions", params={"app_id": app_id}, headers=headers
    )
    if refusal := Reply(response.status_code, response.text).refusal():
        raise problem_of(refusal, app_id, who)
    data = _content(response).get("data")
    return data if isinstance(data, dict) else {}


def _content(response: httpx.Response) -> dict[str, Any]:
    try:
        content = json.loads(response.text)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise http.unreachable(HOST, f"HTTP {response.status_code}")
    return content


def _mixed(text: str) -> str:
    """Disguise a text as the tool does: each character's code XOR 5, in hexadecimal."""
    return "".join(f"{ord(character) ^ 5:x}" for character in text)
