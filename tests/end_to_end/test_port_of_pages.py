"""No build gets the port of the pages: whoever listens there is sent cookies and passwords."""

import os
import signal
import socket
from pathlib import Path

import httpx
import pytest

from browser import PASSWORD, answers, free_port
from command_line import CommandLine, living, wait_until
from mprelease.simulator.sample import make_sample

pytestmark = [pytest.mark.slow, pytest.mark.light_tool]


def is_free(family: socket.AddressFamily, host: str, port: int) -> bool:
    """Return whether somebody else may listen there, as servers do that restart."""
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:
            trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            trial.bind((host, port))
            trial.listen()
        except OSError:
            return False
        return True


def free_places(port: int) -> list[str]:
    places = {
        "127.0.0.1": socket.AF_INET,
        "0.0.0.0": socket.AF_INET,
        "::1": socket.AF_INET6,
        "::": socket.AF_INET6,
    }
    return [host for host, family in places.items() if is_free(family, host, port)]


@pytest.mark.skipif(
    not socket.has_dualstack_ipv6(), reason="a kernel without IPv6 has nobody on it"
)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_port_stays_taken_until_the_last_build_has_ended(
    cli: CommandLine, tmp_path: Path, host: str
) -> None:
    seconds = f"4{os.getpid()}"
    build = ("--build-command", f"sleep {seconds} || true", "--output", ".")
    cli.has_app(make_sample(tmp_path / "sample"), *build)
    cli.extra["MPRELEASE_ADMIN_PASSWORD"] = PASSWORD
    port = free_port()
    served = cli.fork("serve", "--host", host, "--port", str(port))
    wait_until(lambda: answers(port) or served.poll() is not None)
    assert free_places(port) == []
    following = cli.fork("preview", "shop")
    asleep = f"sleep\0{seconds}\0"
    wait_until(lambda: bool(living(asleep)))
    served.send_signal(signal.SIGTERM)

    def refuses() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/login", trust_env=False).status_code == 503
        except httpx.TransportError:
            return False

    wait_until(refuses)
    assert served.poll() is None
    assert free_places(port) == []
    for pid in living(asleep):
        os.kill(pid, signal.SIGKILL)
    _, words = served.communicate(timeout=60)
    assert (served.returncode, "Traceback" in words) == (0, False), words
    following.communicate(timeout=60)
    assert following.returncode == 0
    assert free_places(port) == ["127.0.0.1", "0.0.0.0", "::1", "::"]
