"""A git host on loopback: git's own http-backend behind a login."""

import base64
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class GitHost:
    """Serve the repositories of a folder; `status` is sent instead if it is set.

    `login` is `name:password`, or None if every request is accepted. With `redirect`, an accepted
    request is sent to that host. Without `speaks_v2`, the host hands out only what a ref points
    to.
    `large_files` are what Git LFS gets, by object id.
    `requests` are the requested paths, `logins` the received Authorization headers.
    """

    folder: Path
    login: str | None = None
    status: int | None = None
    redirect: str | None = None
    speaks_v2: bool = True
    url: str = ""
    large_files: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)

    def admits(self, authorization: str | None) -> bool:
        """Return whether a request's Authorization header is accepted."""
        if self.login is None:
            return True
        expected = base64.b64encode(self.login.encode()).decode()
        return authorization == f"Basic {expected}"


@contextmanager
def serving(host: GitHost) -> Iterator[GitHost]:
    """Serve on a free port of 127.0.0.1 until the end; the address is in `host.url`."""

    class Handler(_Handler):
        served = host

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        host.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield host
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    served: GitHost

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        self.served.requests.append(self.path)
        self.served.logins += filter(None, [self.headers["Authorization"]])
        if self.served.redirect and (self.served.login is None or self.served.logins):
            self._refuse(302, "Location", self.served.redirect + self.path)
        elif self.served.status:
            self._refuse(self.served.status)
        elif not self.served.admits(self.headers["Authorization"]):
            self._refuse(401, "WWW-Authenticate", 'Basic realm="git"')
        elif self.path.endswith("/objects/batch"):
            self._offer_large_files()
        elif self.path.startswith("/lfs/"):
            self._send(self.served.large_files[self.path.removeprefix("/lfs/")])
        else:
            self._serve()

    def _refuse(self, status: int, header: str = "X-Reason", value: str = "none") -> None:
        self.send_response(status)
        self.send_header(header, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _offer_large_files(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        offers = []
        for wanted in body["objects"]:
            there = wanted["oid"] in self.served.large_files
            download = {"download": {"href": f"{self.served.url}/lfs/{wanted['oid']}"}}
            missing = {"error": {"code": 404, "message": "it is not here"}}
            offers.append({**wanted, **({"actions": download} if there else missing)})
        self._send(json.dumps({"transfer": "basic", "objects": offers}).encode())

    def _send(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.git-lfs+json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _serve(self) -> None:
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.served.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_PROTOCOL": self.headers["Git-Protocol"] or "" if self.served.speaks_v2 else "",
            "HTTP_CONTENT_ENCODING": self.headers["Content-Encoding"] or "",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers["Content-Type"] or "",
            "CONTENT_LENGTH": str(len(body)),
        }
        answer = subprocess.run(
            ("git", "http-backend"), input=body, env=environment, stdout=subprocess.PIPE, check=True
        ).stdout
        self._pass_on(answer)

    def _pass_on(self, answer: bytes) -> None:
        head, _, body = answer.partition(b"\r\n\r\n")
        headers = [line.decode().split(": ", 1) for line in head.split(b"\r\n")]
        status = next((value for name, value in headers if name == "Status"), "200 OK")
        self.send_response(int(status.split()[0]))
        for name, value in headers:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
