"""Douyin's two kinds of credential, and requests without its tool.

A credential is an app's token, or a user's e-mail address and password. The requests are those of
tt-ide-cli 0.1.33.
"""

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mprelease.domain.errors import Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.platforms import http
from mprelease.platforms.detection import credential_text
from mprelease.platforms.douyin.events import HOST, Reply, login_refused, problem_of
from mprelease.platforms.driver import Account, Route


@dataclass(frozen=True)
class Token:
    """A token created for one app in the platform's console (开发配置)."""

    token: str = field(repr=False)


@dataclass(frozen=True)
class Login:
    """The login of a user who has access to the app."""

    email: str
    password: str = field(repr=False)


def read_credential(content: bytes) -> str:
    """Parse a credential's JSON file; return its kind and secrets, each on a line of its own.

    Stored in this form, each part can be masked in logs. Raise Refused(KEY_SHAPE), or
    Refused(CREDENTIAL_OF_OTHER_PLATFORM).
    """
    match _given(credential_text(content, Platform.DOUYIN)):
        case {"token": str(token)} if _is_secret(token):
            return f"token\n{token}"
        case {"email": str(email), "password": str(password)} if (
            "@" in email and _is_secret(email) and _is_secret(password)
        ):
            return f"login\n{email}\n{password}"
    raise Refused(Problem.KEY_SHAPE)


def opened(credential: str) -> Token | Login:
    """Parse the text that `read_credential` returned; raise Refused(KEY_SHAPE)."""
    match credential.split("\n"):
        case ["token", token]:
            return Token(token)
        case ["login", email, password]:
            return Login(email, password)
    raise Refused(Problem.KEY_SHAPE)


def _given(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Refused(Problem.KEY_SHAPE) from None


def _is_secret(text: str) -> bool:
    return bool(text.strip()) and text.isprintable()


# Requests: check a credential and get an app's last version, without publishing.

if TYPE_CHECKING:
    import httpx

_SESSION = "sessionid_microapp"
_NO_VERSION = "0.0.0"


def last_version(account: Account, route: Route) -> str | None:
    """Return the version that the next one must exceed; None before the first.

    Raise StageFailed if the platform refuses the credential, or if a request fails. Every wait for
    the network times out after 5 s.
    """
    credential, app_id = opened(account.credential), account.platform_app_id
    with http.client(route, f"https://{HOST}") as client:
        headers = _headers(client, credential, app_id)
        answer = _versions(client, headers, app_id, credential)
    version = str(answer.get("audit_version") or "")
    return version if version not in {"", _NO_VERSION} else None


def _headers(client: "httpx.Client", credential: Token | Login, app_id: str) -> dict[str, str]:
    if isinstance(credential, Token):
        return {"x-cli-token": credential.token, "x-cli-appid": app_id}
    session = _log_in(client, credential)
    names = (_SESSION, "sessionid", "sessionid_dy_open")
    return {"Cookie": ";".join(f"{name}={session}" for name in names)}


def _log_in(client: "httpx.Client", login: Login) -> str:
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
    client: "httpx.Client", headers: dict[str, str], app_id: str, credential: Token | Login
) -> dict[str, Any]:
    response = client.get(
        "/api/developer/ide/v1/microapp/versions", params={"app_id": app_id}, headers=headers
    )
    if refusal := Reply(response.status_code, response.text).refusal():
        raise problem_of(refusal, app_id, after_login=isinstance(credential, Login))
    data = _content(response).get("data")
    return data if isinstance(data, dict) else {}


def _content(response: "httpx.Response") -> dict[str, Any]:
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
