"""The API of a mprelease that runs elsewhere (docs/api.md)."""

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from mprelease import __version__
from mprelease.domain.errors import AppRefused, Refused
from mprelease.domain.problems import Problem
from mprelease.remote.reading import words_of

_SECONDS = 30.0
_TRIES = 5
_BETWEEN_TRIES = 1.0


class Lost(Exception):
    """The server does not answer now."""


@dataclass(frozen=True)
class Server:
    """Ask a server; `ca_file` is trusted in addition, `language` is how it answers.

    Raise Refused with its own words where it refuses, and Lost where it does not answer.
    """

    url: str
    token: str
    language: str
    ca_file: Path | None = None

    def get(self, path: str, **parameters: str | int) -> Any:
        """Return what stands there."""
        return _content(self.url, self._send("GET", path, params=parameters))

    def image(self, path: str) -> tuple[bytes, str]:
        """Return an image and its media type."""
        answer = self._send("GET", path)
        if answer.status_code != HTTPStatus.OK:
            _content(self.url, answer)
        return answer.content, answer.headers.get("content-type", "")

    def post(self, path: str, content: Mapping[str, object], key: str = "") -> Any:
        """Return what comes of a deed; with an idempotency key it is tried again when lost."""
        headers = {"Idempotency-Key": key} if key else {}
        for left in reversed(range(_TRIES if key else 1)):
            try:
                answer = self._send("POST", path, json=dict(content), headers=headers)
            except Lost:
                if not left:
                    raise
                time.sleep(_BETWEEN_TRIES)
            else:
                return _content(self.url, answer)
        raise AssertionError

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
            raise Lost(str(error).rstrip(".") or type(error).__name__) from error
        if answer.status_code in {502, 503, 504}:
            raise Lost(f"HTTP {answer.status_code}")
        return answer


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
