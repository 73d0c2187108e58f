"""HTTP client of a mprelease server's API (docs/api.md)."""

import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from mprelease import __version__
from mprelease.domain.errors import AppRefused, Refused
from mprelease.domain.problems import Problem
from mprelease.remote.parsing import words_of

_Answer = TypeVar("_Answer")
_SECONDS = 30.0
_TRIES = 5
_BETWEEN_TRIES = 1.0


class ServerLost(Exception):
    """The server cannot be reached, or a proxy before it answers 502, 503 or 504."""


@dataclass(frozen=True)
class ApiClient:
    """Client of one server; certificates in `ca_file` are trusted in addition to the system's.

    Messages of the server are in `language`. Calls raise Refused with the server's message if it
    refuses, and ServerLost if it does not answer.
    """

    url: str
    token: str
    language: str
    ca_file: Path | None = None

    def get(self, path: str, **parameters: str | int) -> Any:
        """Return the JSON of a GET; one try."""
        return _content(self.url, self._send("GET", path, params=parameters))

    def get_with_retries(self, path: str, **parameters: str | int) -> Any:
        """Return the JSON of a GET; up to 5 tries while the server does not answer."""
        return _with_retries(lambda: self.get(path, **parameters), _TRIES)

    def image(self, path: str) -> tuple[bytes, str]:
        """Return an image and its media type; up to 5 tries while the server does not answer."""
        answer = _with_retries(lambda: self._send("GET", path), _TRIES)
        kind = answer.headers.get("content-type", "")
        if answer.status_code != HTTPStatus.OK:
            _content(self.url, answer)
        if not kind.startswith("image/"):
            raise Refused(Problem.SERVER_IS_ANOTHER, url=self.url, status=answer.status_code)
        return answer.content, kind

    def post(self, path: str, content: Mapping[str, object], key: str = "") -> Any:
        """Return the JSON of a POST; with an idempotency key up to 5 tries, else one."""
        headers = {"Idempotency-Key": key} if key else {}
        answer = _with_retries(
            lambda: self._send("POST", path, json=dict(content), headers=headers),
            _TRIES if key else 1,
        )
        return _content(self.url, answer)

    @property
    def socket_url(self) -> str:
        """Return the URL of the live socket."""
        parts = urlsplit(self.url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        return f"{parts._replace(scheme=scheme).geturl().rstrip('/')}/api/v1/live"

    @property
    def authorization(self) -> dict[str, str]:
        """Return the Authorization header."""
        return {"Authorization": f"Bearer {self.token}"}

    @cached_property
    def trust(self) -> ssl.SSLContext:
        """Return the TLS context with the trusted certificates."""
        context = ssl.create_default_context()
        if self.ca_file:
            context.load_verify_locations(self.ca_file)
        return context

    @cached_property
    def _client(self) -> httpx.Client:
        headers = {
            **self.authorization,
            "Accept-Language": self.language,
            "User-Agent": f"mprelease/{__version__}",
        }
        base = f"{self.url.rstrip('/')}/api/v1"
        return httpx.Client(base_url=base, headers=headers, verify=self.trust, timeout=_SECONDS)

    def _send(self, method: str, path: str, **what: Any) -> httpx.Response:
        try:
            answer = self._client.request(method, path, **what)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise ServerLost(str(error).rstrip(".") or type(error).__name__) from error
        if answer.status_code in {502, 503, 504}:
            raise ServerLost(f"HTTP {answer.status_code}")
        return answer


def _with_retries(call: Callable[[], _Answer], tries: int) -> _Answer:
    """Return the result of a call, with up to `tries` tries a second apart; raise ServerLost."""
    for _ in range(tries - 1):
        with suppress(ServerLost):
            return call()
        time.sleep(_BETWEEN_TRIES)
    return call()


def _content(url: str, answer: httpx.Response) -> Any:
    try:
        content = answer.json()
    except ValueError:
        raise Refused(Problem.SERVER_IS_ANOTHER, url=url, status=answer.status_code) from None
    if answer.is_success:
        return content
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        raise Refused(Problem.SERVER_TOKEN_REFUSED, url=url)
    if not isinstance(content, dict) or "remedy" not in content:
        raise Refused(Problem.SERVER_IS_ANOTHER, url=url, status=answer.status_code)
    refused = Refused(Problem.SERVER_SAYS, **words_of(content))
    raise AppRefused(content["app"], refused) if content.get("app") else refused
