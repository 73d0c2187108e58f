"""Check a credential at Douyin and get an app's last version, without publishing.

The requests are those of tt-ide-cli 0.1.33.
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
    """Return the version that the next one must exceed; None before the first.

    Raise StageFailed if the platform refuses the credential, or if a request fails. Every wait for
    the network times out after 5 s.
    """
    credential, app_id = opened(account.credential), account.platform_app_id
    try:
        with http.client(route, f"https://{HOST}") as client:
            headers = _headers(client, credential, app_id)
            answer = _versions(client, headers, app_id, credential)
    except (httpx.HTTPError, OSError) as error:
        raise http.unreachable(HOST, error) from None
    version = str(answer.get("audit_version") or "")
    return version if version not in {"", _NO_VERSION} else None


def _headers(client: httpx.Client, credential: Token | Login, app_id: str) -> dict[str, str]:
    if isinstance(credential, Token):
        return {"x-cli-token": credential.token, "x-cli-appid": app_id}
    session = _log_in(client, credential)
    names = (_SESSION, "sessionid", "sessionid_dy_open")
    return {"Cookie": ";".join(f"{name}={session}" for name in names)}


def _log_in(client: httpx.Client, login: Login) -> str:
    form = {
        "aid": "1365",
        "mix_mode": "1",
        "email": _obfuscated(login.email),
        "password": _obfuscated(login.password),
    }
    response = client.post("/passport/web/email/login/", data=form)
    reply = _content(response)
    session = response.cookies.get(_SESSION)
    # The session is sent in the tool's format (`_headers`), not by the client's cookie jar.
    client.cookies.clear()
    if reply.get("message") == "success" and session:
        return session
    data = reply.get("data")
    reason = data.get("description") if isinstance(data, dict) else reply.get("message")
    raise login_refused(str(reason or response.status_code))


def _versions(
    client: httpx.Client, headers: dict[str, str], app_id: str, credential: Token | Login
) -> dict[str, Any]:
    response = client.get(
        "/api/developer/ide/v1/microapp/versions", params={"app_id": app_id}, headers=headers
    )
    if refusal := Reply(response.status_code, response.text).refusal():
        raise problem_of(refusal, app_id, credential)
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


def _obfuscated(text: str) -> str:
    """Obfuscate a text like the tool (`mix_mode`): each character's code XOR 5, in hexadecimal."""
    return "".join(f"{ord(character) ^ 5:x}" for character in text)
