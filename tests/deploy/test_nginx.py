"""deploy/nginx/mprelease.conf in a real nginx, before real pages: https, cookies, live sockets."""

import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import trustme
from websockets.sync.client import connect

from containers import ROOT, free_port
from needs import needs

pytestmark = pytest.mark.lasting

_PATH = f"{os.environ['PATH']}:/usr/sbin"
nginx = needs(
    "nginx",
    "apt-get install -y --no-install-recommends nginx-light",
    there=shutil.which("nginx", path=_PATH) is not None,
)


@dataclass(frozen=True)
class Site:
    """The pages behind the proxy."""

    secure: str
    plain: str
    trusted: ssl.SSLContext


@contextmanager
def pages(folder: Path, base_url: str, **settings: str) -> Iterator[int]:
    port = free_port()
    environment = {
        **os.environ,
        "MPRELEASE_ADMIN_PASSWORD": "first-password",
        "MPRELEASE_BASE_URL": base_url,
        "MPRELEASE_CONFIG": str(folder / "none.toml"),
        "MPRELEASE_DATA_DIR": str(folder / "data"),
        "MPRELEASE_PORT": str(port),
        "MPRELEASE_TRUSTED_PROXIES": "127.0.0.1",
        **settings,
    }
    words = [sys.executable, "-m", "mprelease", "serve", "--no-worker"]
    with running(words, environment, port):
        yield port


@contextmanager
def running(words: list[str], environment: dict[str, str], port: int) -> Iterator[None]:
    with subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 30
        while not listens(port) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        try:
            if process.poll() is not None:
                pytest.fail(str(process.communicate()[1]))
            yield
        finally:
            process.terminate()
            process.communicate(timeout=30)


def listens(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(tmp_path / "server.key")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "server.crt")
    secure, plain = free_port(), free_port()
    with pages(tmp_path, f"https://localhost:{secure}") as port:
        sample = (ROOT / "deploy/nginx/mprelease.conf").read_text()
        for before, after in {
            "listen 80 ": f"listen 127.0.0.1:{plain} ",
            "listen 443 ": f"listen 127.0.0.1:{secure} ",
            "http://web:8088": f"http://127.0.0.1:{port}",
            "/etc/nginx/certificates": str(tmp_path),
        }.items():
            assert before in sample
            sample = sample.replace(before, after)
        whole = tmp_path / "nginx.conf"
        whole.write_text(
            f"daemon off; pid {tmp_path}/pid; error_log stderr;\n"
            f"events {{}}\nhttp {{ access_log off; client_body_temp_path {tmp_path}/body;\n"
            f"{sample}\n}}\n"
        )
        program = shutil.which("nginx", path=_PATH)
        assert program
        words = [program, "-p", str(tmp_path), "-c", str(whole)]
        with running(words, dict(os.environ), plain):
            context = ssl.create_default_context()
            authority.configure_trust(context)
            yield Site(f"https://localhost:{secure}", f"http://127.0.0.1:{plain}", context)


@nginx
def test_the_sample_forwards_pages_logins_and_live_sockets(site: Site) -> None:
    moved = httpx.get(f"{site.plain}/apps", trust_env=False)
    assert (moved.status_code, moved.headers["location"]) == (308, "https://127.0.0.1/apps")
    with httpx.Client(base_url=site.secure, verify=site.trusted, trust_env=False) as browser:
        form = {"name": "admin", "password": "first-password"}
        answer = browser.post("/login", data=form, headers={"Origin": site.secure})
        assert answer.status_code == 303
        assert "Secure" in answer.headers["set-cookie"]
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    address = f"{site.secure.replace('https', 'wss')}/api/v1/live"
    headers = {"Cookie": cookie}
    with connect(
        address, additional_headers=headers, origin=site.secure, ssl=site.trusted, proxy=None
    ) as live:
        live.send('{"states": true}')
        assert '"whole":true' in str(live.recv(timeout=10))
