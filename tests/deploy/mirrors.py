"""Mirrors of Debian, PyPI and npm on 127.0.0.1, in front of the registries of this machine."""

import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import httpx
from pip._internal.models.index import PyPI

_REQUEST_HEADERS = ("Accept", "Accept-Encoding", "If-Modified-Since", "If-Range", "Range")
_ANSWER_HEADERS = (
    "Content-Encoding", "Content-Length", "Content-Range", "Content-Type", "Last-Modified",
)  # fmt: skip


@dataclass
class Mirrors:
    """`url` is that of npm's; below it are `apt` and `pypi`. `asked` names those used."""

    url: str
    asked: set[str] = field(default_factory=set)


@contextmanager
def mirrors() -> Iterator[Mirrors]:
    sites = {"apt": _debian(), "pypi": _pypi(), "npm": _npm()}
    context = ssl.create_default_context()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name, _, path = self.path.removeprefix("/").partition("/")
            if name not in sites:
                # npm requests archives from the mirror's host, by their paths at the registry.
                name, path = "npm", self.path.removeprefix("/")
            headers = {key: self.headers[key] for key in _REQUEST_HEADERS if key in self.headers}
            with client.stream("GET", f"{sites[name]}/{path}", headers=headers) as answer:
                self.send_response(answer.status_code)
                for key in _ANSWER_HEADERS:
                    if key in answer.headers:
                        self.send_header(key, answer.headers[key])
                self.end_headers()
                for part in answer.iter_raw():
                    self.wfile.write(part)
            if answer.is_success:
                made.asked.add(name)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Mirrors(f"http://127.0.0.1:{server.server_port}")
    with httpx.Client(verify=context, follow_redirects=True, timeout=120) as client, server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield made
        server.shutdown()


def _debian() -> str:
    site = urlsplit(_answer("apt-get", "indextargets", "--format", "$(SITE)").split()[0])
    return f"{site.scheme}://{site.netloc}"


def _pypi() -> str:
    return os.environ.get("PIP_INDEX_URL", PyPI.simple_url).rstrip("/").removesuffix("/simple")


def _npm() -> str:
    return _answer("npm", "config", "get", "registry").strip().rstrip("/")


def _answer(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
