"""What root's `mprelease serve` is to builds: a port that they cannot reach."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mprelease.domain.endpoints import Endpoint
from mprelease.domain.sandbox import UidRange
from mprelease.process.network_rules import NetworkRules, NetworkTable
from needs import needs

pytestmark = pytest.mark.lasting

BUILD, SOMEBODY = 59230, 58000
SYSTEM_PYTHON = "/usr/bin/python3"
CALL = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)"
trial = NetworkRules(UidRange(BUILD, BUILD), (Endpoint("localhost", 9),))
nftables = needs(
    "nftables that we may change",
    "apt-get install -y nftables, and run the tests as root with CAP_NET_ADMIN",
    there=not NetworkTable("trial").why_not(trial),
)


def reaches(uid: int, host: str, port: int) -> bool:
    words = [SYSTEM_PYTHON, "-I", "-c", CALL, host, str(port)]
    dropped = ["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups", *words]
    return subprocess.run(dropped, capture_output=True, check=False).returncode == 0


def wait_until(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not claim():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def serving(folder: Path, port: int, redis: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Serve pages, with something that listens where Redis is said to be."""
    environment = {
        **os.environ,
        "MPRELEASE_DATA_DIR": str(folder / "data"),
        "MPRELEASE_CONFIG": str(folder / "none.toml"),
        "MPRELEASE_REDIS_URL": f"redis://127.0.0.1:{redis}/0",
    }
    words = [sys.executable, "-m", "mprelease", "serve", "--port", str(port)]
    with subprocess.Popen(words, env=environment, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


@nftables
def test_builds_reach_neither_the_pages_nor_redis_while_mprelease_serves(tmp_path: Path) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", 0)) as redis:
        stored = int(redis.getsockname()[1])
        assert reaches(BUILD, "127.0.0.1", stored)
        with serving(tmp_path, port, stored) as process:
            wait_until(lambda: reaches(SOMEBODY, "127.0.0.1", port))
            assert not reaches(BUILD, "127.0.0.1", port)
            wait_until(lambda: not reaches(BUILD, "127.0.0.1", stored))
            assert reaches(SOMEBODY, "127.0.0.1", stored)
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
        assert reaches(BUILD, "127.0.0.1", stored)
