"""The wheel is complete: installed into an empty environment it serves pages that one can use."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from browser import free_port
from command_line import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        command, cwd=cwd, check=False, capture_output=True, text=True, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """What is in git, without anything that was compiled or fetched beside it."""
    listed = ("git", "ls-files", "--cached", "--others", "--exclude-standard")
    for name in run(*listed, cwd=ROOT).splitlines():
        if (ROOT / name).is_file():
            copy = tmp_path / "sources" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy)
    return tmp_path / "sources"


@contextmanager
def serving(program: Path, folder: Path) -> Iterator[httpx.Client]:
    port = free_port()
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}
    environment |= {"MPRELEASE_DATA_DIR": str(folder / "data"), "MPRELEASE_LANGUAGE": "en"}
    command = (program, "serve", "--port", str(port))
    words = folder / "words"
    with (
        words.open("w") as stream,
        subprocess.Popen(command, env=environment, stdout=stream, stderr=stream) as served,
    ):
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
                wait_until(lambda: "admin" in words.read_text() and answers(client))
                yield client
        finally:
            served.terminate()
            assert served.wait(60) == 0


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").is_success
    except httpx.TransportError:
        return False


def test_whoever_installs_the_wheel_can_log_in_and_sees_whole_pages(
    sources: Path, tmp_path: Path
) -> None:
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
    run(*pip, "--wheel-dir", tmp_path, sources, cwd=tmp_path)
    [wheel] = tmp_path.glob("*.whl")
    empty = tmp_path / "empty"
    # Without a pip of its own, and without compiling what is never imported: both take seconds.
    run(sys.executable, "-m", "venv", "--without-pip", empty, cwd=tmp_path)
    into = (sys.executable, "-m", "pip", "--python", empty / "bin/python")
    run(*into, "install", "--quiet", "--no-compile", wheel, cwd=tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    with serving(empty / "bin/mprelease", home) as client:
        page = client.get("/login").text
        files = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
        assert len(files) >= 5
        assert [client.get(file).status_code for file in files] == [200] * len(files)
        password = re.search(r"password (\S+)", (home / "words").read_text())
        assert password, (home / "words").read_text()
        form = {"name": "admin", "password": password[1]}
        assert client.post("/login", data=form).headers["location"] == "/"
        assert client.get("/").status_code == 200
        assert "mprelease" in client.get("/").text
