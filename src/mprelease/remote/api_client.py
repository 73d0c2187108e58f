"""The API of a mprelease that runs elsewhere (docs/api.md)."""

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
from mprelease.remote.reading import words_of

_Answer = TypeVar("_Answer")
_SECONDS = 30.0
_TRIES = 5
_BETWEEN_TRIES = 1.0


class ServerLost(Exception):
    """The server does not answer now."""


@dataclass(frozen=True)
class Server:
    """Ask a server; `ca_file` is trusted in addition, `language` is how it answers.

    Raise Refused with its own words where it refuses, and ServerLost where it does not answer.
    """

    url: str
    token: str
    language: str
    ca_file: Path | None = None

    def get(self, path: str, **parameters: str | int) -> Any:
        """Return what stands there."""
        return _content(self.url, self._send("GET", path, params=parameters))

    def get_again(self, path: str, **parameters: str | int) -> Any:
        """Return what stands there, asked for several times where the server does not answer."""
        return _tried(lambda: self.get(path, **parameters), _TRIES)

    def image(self, path: str) -> tuple[bytes, str]:
        """Return an image and its media type, asked for several times like that."""
        answer = _tried(lambda: self._send("GET", path), _TRIES)
        kind = answer.headers.get("content-type", "")
        if answer.status_code != HTTPStatus.OK:
            _content(self.url, answer)
        if not kind.startswith("image/"):
            raise Refused(Problem.SERVER_IS_ANOTHER, url=self.url, status=answer.status_code)
        return answer.content, kind

    def post(self, path: str, content: Mapping[str, object], key: str = "") -> Any:
        """Return the answer to a POST; with an idempotency key it is tried again when lost."""
        headers = {"Idempotency-Key": key} if key else {}
        answer = _tried(
            lambda: self._send("POST", path, json=dict(content), headers=headers),
            _TRIES if key else 1,
        )
        return _content(self.url, answer)

    @property
    def socket_url(self) -> str:
        """Return the address of the live socket."""
        parts = urlsplit(self.url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        return f"{parts._replace(scheme=scheme).geturl().rstrip('/')}/api/v1/live"

    @property
    def authorization(self) -> dict[str, str]:
        """Return the header that lets us in."""
        return {"Authorization": f"Bearer {self.token}"}

    @cached_property
    def trust(self) -> ssl.SSLContext:
        """Return whose certificates are believed."""
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


def _tried(ask: Callable[[], _Answer], tries: int) -> _Answer:
    """Return an answer, asked for up to so many times, a second apart; raise ServerLost."""
    for _ in range(tries - 1):
        with suppress(ServerLost):
            return ask()
        time.sleep(_BETWEEN_TRIES)
    return ask()


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
