"""An npm registry on 127.0.0.1, with packages that tests publish."""

import base64
import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from urllib.parse import unquote


@dataclass
class NpmRegistry:
    """The packages of a registry; requests need `token` as their bearer token, if it is set.

    While the event `silent` is set, requests are accepted, but not answered. `requests` are the
    paths of all requests.
    """

    token: str | None = None
    url: str = ""
    packages: dict[str, dict[str, bytes]] = field(default_factory=dict)
    manifests: dict[str, dict[str, Mapping[str, object]]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    silent: threading.Event = field(default_factory=threading.Event)

    def publish(
        self,
        name: str,
        version: str,
        code: str,
        programs: Mapping[str, str] = MappingProxyType({}),
        **manifest: object,
    ) -> None:
        """Publish a version whose index.js is `code`; `programs` are executable files."""
        described = {"name": name, "version": version, "main": "index.js", **manifest}
        files = {"package.json": json.dumps(described), "index.js": code, **programs}
        self.packages.setdefault(name, {})[version] = _archive(files, programs)
        self.manifests.setdefault(name, {})[version] = described

    def integrity(self, name: str, version: str) -> str:
        """Return a version's checksum as in lock files."""
        digest = hashlib.sha512(self.packages[name][version]).digest()
        return f"sha512-{base64.b64encode(digest).decode()}"

    def shasum(self, name: str, version: str) -> str:
        """Return a version's checksum as in old lock files."""
        return hashlib.sha1(self.packages[name][version]).hexdigest()

    def tarball(self, name: str, version: str) -> str:
        """Return the URL of a version's archive, in npm's format."""
        return f"{self.url}/{name}/-/{name.rpartition('/')[2]}-{version}.tgz"

    def document(self, name: str) -> Mapping[str, object]:
        """Return the registry's document of a package."""
        versions = {
            version: {
                **manifest,
                "dist": {
                    "tarball": self.tarball(name, version),
                    "shasum": self.shasum(name, version),
                    "integrity": self.integrity(name, version),
                },
            }
            for version, manifest in self.manifests[name].items()
        }
        return {
            "name": name,
            "dist-tags": {"latest": [*versions][-1]},
            "versions": versions,
            # yarn >= 4.14 refuses versions that are too new.
            "time": dict.fromkeys(versions, "2020-01-01T00:00:00.000Z"),
        }

    def answer(self, path: str) -> bytes | None:
        """Return the body of the response for a path; None if it does not exist."""
        plain = unquote(path.partition("?")[0]).strip("/")
        if plain in {"", "-/ping"}:
            return b"{}"
        if plain in self.packages:
            return json.dumps(self.document(plain)).encode()
        name, found, file = plain.partition("/-/")
        version = file.removeprefix(f"{name.rpartition('/')[2]}-").removesuffix(".tgz")
        return self.packages.get(name, {}).get(version) if found else None


@contextmanager
def serving(registry: NpmRegistry) -> Iterator[NpmRegistry]:
    """Serve on a free port of 127.0.0.1 during the block; `registry.url` is the URL."""
    ended = threading.Event()

    class Handler(_Handler):
        served, over = registry, ended

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        registry.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield registry
        finally:
            ended.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    served: NpmRegistry
    over: threading.Event
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.served.requests.append(self.path)
        if self.served.silent.is_set():
            self.over.wait()
            return
        token = self.served.token
        if token and self.headers.get("Authorization") != f"Bearer {token}":
            self._send(401, b'{"error": "unauthorized"}')
            return
        body = self.served.answer(self.path)
        self._send(404 if body is None else 200, body or b'{"error": "not found"}')

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        kind = "application/octet-stream" if self.path.endswith(".tgz") else "application/json"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Log nothing: tests read `requests`."""


def _archive(files: Mapping[str, str], programs: Container[str]) -> bytes:
    stream = io.BytesIO()
    # mtime=0 makes the bytes reproducible.
    with (
        gzip.GzipFile(fileobj=stream, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for name, text in files.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(text.encode())
            entry.mode = 0o755 if name in programs else 0o644
            archive.addfile(entry, io.BytesIO(text.encode()))
    return stream.getvalue()
