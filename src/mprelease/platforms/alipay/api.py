"""Requests to Alipay without its tool: check a key, get the last version, set the trial version.

Requests and signature are those of minidev 2.2.5.
"""

import re
import time
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.platforms import http
from mprelease.platforms.alipay.credential import ToolKey, opened
from mprelease.platforms.alipay.refusals import HOST, problem_of, refusal_in
from mprelease.platforms.driver import Account, Route
from mprelease.platforms.images import Image, image_of
from mprelease.platforms.stored_keys import stored_key

_BASE = f"https://{HOST}"
_POLL_SECONDS = 2.0
_WALLET = "com.alipay.alipaywallet"
_NO_VERSION = "0.0.0"
_NUMBERS = re.compile(r"[0-9]+(\.[0-9]+){2}")


def last_version(account: Account, route: Route) -> str | None:
    """Return the newest version on the platform; None before the first.

    Raise StageFailed if the platform refuses the key or this host's address, or if the request
    fails. Every wait for the network times out after 5 s.
    """
    fields = {"appId": account.platform_app_id, "clientType": "alipay", "clientId": _WALLET}
    data = _Client(account, route).request("GET", "appUploadDetail", fields)
    version = str(data.get("lastVersion") or "")
    return version if _NUMBERS.fullmatch(version) and version != _NO_VERSION else None


def show_to_testers(
    account: Account, route: Route, version: str, *, seconds: float
) -> Image | None:
    """Make an uploaded version the trial version, and return the image of its QR code.

    Return None if the image is not available. Raise StageFailed if the platform refuses, and
    StageFailed(PLATFORM_BUILD_UNFINISHED) if it is not ready after `seconds`.
    """
    client = _Client(account, route)
    app = {"appId": account.platform_app_id, "clientType": "alipay", "clientId": _WALLET}
    fields = {**app, "version": version}
    client.request("POST", "setExp", fields)
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        data = client.request("GET", "setExpQuery", fields)
        if data.get("packageStatus") == "success":
            return client.image(str(data.get("qrCodeUrl")))
        time.sleep(_POLL_SECONDS)
    raise StageFailed(Problem.PLATFORM_BUILD_UNFINISHED)


class _Client:
    """A client that signs requests with the key of one account."""

    def __init__(self, account: Account, route: Route) -> None:
        self._app_id = account.platform_app_id
        self._key = opened(account.credential)
        self._route = route

    def request(self, method: str, call: str, fields: Mapping[str, str]) -> dict[str, Any]:
        """Return the data of a successful response; raise StageFailed for any other."""
        sent = {**fields, "toolId": self._key.tool_id, "toolType": "CLI"}
        headers = {"sign": signature(self._key, fields), "signType": "SHA256WithRSA"}
        url = f"/cli/miniapp/{call}.json"
        try:
            with _client(self._route) as client:
                # The tool sends a multipart form.
                body = {name: (None, value) for name, value in sent.items()}
                answer = (
                    client.get(url, params=sent, headers=headers)
                    if method == "GET"
                    else client.post(url, files=body, headers=headers)
                )
        except (httpx.HTTPError, OSError) as error:
            raise http.unreachable(HOST, error) from None
        return self._data(answer, fields)

    def image(self, address: str) -> Image | None:
        """Download an image; None if that fails, or if it is not a valid image."""
        try:
            with _client(self._route) as client:
                answer = client.get(address, follow_redirects=True).raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            return None
        return image_of(answer.content)

    def _data(self, answer: httpx.Response, fields: Mapping[str, str]) -> dict[str, Any]:
        if refusal := refusal_in(answer.text):
            raise problem_of(refusal, self._app_id, fields.get("version", ""))
        try:
            data = answer.json().get("data")
        except (ValueError, AttributeError):
            raise http.unreachable(HOST, f"HTTP {answer.status_code}") from None
        return data if isinstance(data, dict) else {}


def signature(key: ToolKey, fields: Mapping[str, str]) -> str:
    """Return the tool's signature of fields, which are sorted by name."""
    text = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
    signed = stored_key(key.private_key).sign(text.encode(), PKCS1v15(), SHA256())
    return b64encode(signed).decode("ascii")


def _client(route: Route) -> httpx.Client:
    return http.client(route, _BASE, {"Referer": _BASE, "Origin": _BASE})
