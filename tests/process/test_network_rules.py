import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from mprelease.domain.endpoints import Endpoint
from mprelease.domain.sandbox import UidRange
from mprelease.process.network_rules import NetworkRules, NetworkTable
from needs import needs

pytestmark = pytest.mark.lasting

RANGE = UidRange(59240, 59241)
OUTSIDE = 59239
LOCALHOST = Endpoint("localhost", 0)
SYSTEM_PYTHON = Path("/usr/bin/python3")
# Arguments: address, port, kind of socket.
CALLER = """
import socket, sys
host, port, kind = sys.argv[1], int(sys.argv[2]), sys.argv[3]
family = socket.AF_INET6 if ":" in host else socket.AF_INET
with socket.socket(family, getattr(socket, kind)) as caller:
    caller.settimeout(5)
    caller.connect((host, port))
    caller.send(b"hello")
    assert caller.recv(5) == b"hello"
"""
# Arguments: name of the table, folder of locks, port; it is ended by its input.
HOLDER = """
import sys
from pathlib import Path
from mprelease.domain.endpoints import Endpoint
from mprelease.domain.sandbox import UidRange
from mprelease.process.network_rules import NetworkRules, NetworkTable
rules = NetworkRules(UidRange(59240, 59241), (Endpoint("localhost", int(sys.argv[3])),))
print(NetworkTable(sys.argv[1], Path(sys.argv[2])).apply(rules) or "applied", flush=True)
sys.stdin.read()
"""


def why_no_rules() -> str:
    return NetworkTable("trial").why_not(NetworkRules(RANGE, (Endpoint("localhost", 9),)))


nftables = needs(
    "nftables that we may change",
    "apt-get install -y nftables, and run the tests as root with CAP_NET_ADMIN",
    there=not why_no_rules(),
)
root = needs("root", "run the tests as root", there=os.geteuid() == 0)


class Listener:
    """A TCP and a UDP server on one port of every address of the machine; both send back."""

    def __init__(self, ended: ExitStack) -> None:
        script = (
            "import socket, sys, threading\n"
            "tcp = socket.create_server(('', 0), family=socket.AF_INET6, dualstack_ipv6=True)\n"
            "port = tcp.getsockname()[1]\n"
            "udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)\n"
            "udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)\n"
            "udp.bind(('', port))\n"
            "def echo():\n"
            "    while True:\n"
            "        udp.sendto(*udp.recvfrom(99))\n"
            "threading.Thread(target=echo, daemon=True).start()\n"
            "print(port, flush=True)\n"
            "while True:\n"
            "    with tcp.accept()[0] as caller:\n"
            "        caller.sendall(caller.recv(99))\n"
        )
        words = [sys.executable, "-I", "-c", script]
        process = ended.enter_context(
            subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True)
        )
        ended.callback(process.kill)
        assert process.stdout
        self.port = int(process.stdout.readline())
        self.endpoint = Endpoint("localhost", self.port)


@pytest.fixture
def ended() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def listener(ended: ExitStack) -> Listener:
    return Listener(ended)


@pytest.fixture
def locks(tmp_path: Path) -> Path:
    return tmp_path / "locks"


@pytest.fixture
def name() -> str:
    return f"test-{uuid4().hex[:8]}"


@pytest.fixture
def table(name: str, locks: Path) -> Iterator[NetworkTable]:
    table = NetworkTable(name, locks)
    yield table
    table.withdraw()


def reaches(port: int, host: str, uid: int = RANGE.first, kind: str = "SOCK_STREAM") -> bool:
    words = [str(SYSTEM_PYTHON), "-I", "-c", CALLER, host, str(port), kind]
    probe = subprocess.run(
        ["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    refused = any(f"{name}Error: " in probe.stderr for name in ("ConnectionRefused", "Permission"))
    assert probe.returncode == 0 or refused, probe.stderr
    return probe.returncode == 0


def local_addresses() -> list[str]:
    """Return the machine's addresses, loopback's and its own, as a build may spell them."""
    found = {"127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::ffff:127.0.0.1"}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        try:
            # No packet leaves: only the route is asked for.
            trial.connect(("192.0.2.1", 9))
            found.add(trial.getsockname()[0])
        except OSError:
            pass
    return sorted(found)


def nft(*arguments: str) -> str:
    environment = {"PATH": f"{os.defpath}:/usr/sbin"}
    words = ["nft", *arguments]
    return subprocess.run(
        words, env=environment, capture_output=True, text=True, check=False
    ).stdout


def tables() -> str:
    return nft("list", "tables")


@contextmanager
def another_process(name: str, locks: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-c", HOLDER, name, str(locks), str(port)]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "applied\n"
            yield process
        finally:
            process.kill()
            nft("delete", "table", "inet", f"mprelease-{name}")


@nftables
def test_a_build_reaches_a_port_of_ours_on_no_address_of_the_machine(
    table: NetworkTable, listener: Listener
) -> None:
    assert all(reaches(listener.port, each) for each in local_addresses())
    assert not table.apply(NetworkRules(RANGE, (listener.endpoint,)))
    for uid in RANGE.ids:
        assert [each for each in local_addresses() if reaches(listener.port, each, uid)] == []


@nftables
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_port_is_closed_for_udp_as_well(
    table: NetworkTable, listener: Listener, host: str
) -> None:
    assert reaches(listener.port, host, kind="SOCK_DGRAM")
    assert not table.apply(NetworkRules(RANGE, (listener.endpoint,)))
    assert not reaches(listener.port, host, kind="SOCK_DGRAM")


@nftables
def test_nobody_else_and_no_other_port_is_concerned(
    table: NetworkTable, listener: Listener, ended: ExitStack
) -> None:
    other = Listener(ended)
    assert not table.apply(NetworkRules(RANGE, (listener.endpoint,)))
    for uid in (0, OUTSIDE, RANGE.last + 1):
        assert all(reaches(listener.port, each, uid) for each in local_addresses())
    assert all(reaches(other.port, each) for each in local_addresses())


@nftables
def test_a_port_of_another_machine_is_refused_there_alone(
    table: NetworkTable, listener: Listener
) -> None:
    # Reserved for documentation, so that nothing answers; a refusal comes at once.
    elsewhere = Endpoint("198.51.100.7", listener.port)
    assert not table.apply(NetworkRules(RANGE, (elsewhere,)))
    assert not reaches(listener.port, elsewhere.host)
    assert reaches(listener.port, "127.0.0.1")


@nftables
def test_what_is_needed_stays_reachable_but_never_the_ports_of_ours(
    table: NetworkTable, listener: Listener, ended: ExitStack
) -> None:
    shared, page = Listener(ended), Listener(ended)
    needed = (listener.endpoint, shared.endpoint)
    avoided = (shared.endpoint, page.endpoint)
    assert not table.apply(NetworkRules(RANGE, (listener.endpoint,), needed, avoided))
    assert not reaches(listener.port, "127.0.0.1")
    assert reaches(shared.port, "127.0.0.1")
    assert not reaches(page.port, "127.0.0.1")


@nftables
def test_new_rules_take_the_place_of_earlier_ones(
    table: NetworkTable, listener: Listener, ended: ExitStack
) -> None:
    other = Listener(ended)
    assert not table.apply(NetworkRules(RANGE, (listener.endpoint,)))
    assert not table.apply(NetworkRules(RANGE, (other.endpoint,)))
    assert reaches(listener.port, "::1")
    assert not reaches(other.port, "::1")


@nftables
def test_rules_that_are_withdrawn_are_gone(
    table: NetworkTable, listener: Listener, name: str
) -> None:
    assert not table.apply(NetworkRules(RANGE, (listener.endpoint,)))
    assert name in tables()
    table.withdraw()
    table.withdraw()
    assert name not in tables()
    assert reaches(listener.port, "127.0.0.1")


@nftables
def test_processes_of_one_machine_do_not_disturb_each_other(
    table: NetworkTable, listener: Listener, locks: Path, ended: ExitStack, name: str
) -> None:
    theirs = Listener(ended)
    with another_process(f"{name}-other", locks, theirs.port):
        assert not table.apply(NetworkRules(RANGE, (listener.endpoint,)))
        assert not reaches(theirs.port, "127.0.0.1")
        table.withdraw()
        assert not reaches(theirs.port, "127.0.0.1")
        assert NetworkTable(f"{name}-other", locks).apply(NetworkRules(RANGE, ()))


@nftables
def test_the_rules_of_a_killed_process_go_when_another_one_starts(
    table: NetworkTable, listener: Listener, locks: Path, name: str
) -> None:
    with another_process(f"{name}-killed", locks, listener.port) as process:
        process.kill()
        process.wait()
        assert f"{name}-killed" in tables()
        assert not table.apply(NetworkRules(RANGE, ()))
        assert f"{name}-killed" not in tables()
        assert reaches(listener.port, "127.0.0.1")


@nftables
def test_the_rules_of_a_process_behind_other_locks_stay(
    table: NetworkTable, listener: Listener, tmp_path: Path, name: str
) -> None:
    # Another container on the machine's network has a /run of its own.
    with another_process(f"{name}-container", tmp_path / "other", listener.port):
        assert not table.apply(NetworkRules(RANGE, ()))
        assert not reaches(listener.port, "127.0.0.1")


@nftables
def test_a_host_without_an_address_is_told_and_the_rest_is_enforced(
    table: NetworkTable, listener: Listener
) -> None:
    nowhere = Endpoint("database.invalid", 5432)
    why = table.apply(NetworkRules(RANGE, (nowhere, listener.endpoint)))
    assert "database.invalid" in why
    assert not reaches(listener.port, "127.0.0.1")


@nftables
def test_to_ask_changes_nothing(table: NetworkTable, listener: Listener, name: str) -> None:
    assert not table.why_not(NetworkRules(RANGE, (listener.endpoint,)))
    assert name not in tables()


@root
def test_a_machine_without_nftables_is_told(name: str, locks: Path, tmp_path: Path) -> None:
    table = NetworkTable(name, locks, str(tmp_path), system_folders="")
    assert "not installed" in table.apply(NetworkRules(RANGE, (LOCALHOST,)))


@nftables
def test_a_root_without_the_right_is_told(name: str, locks: Path) -> None:
    words = [sys.executable, "-c", HOLDER, name, str(locks), "9"]
    dropped = ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-all", *words]
    errors = subprocess.run(dropped, input="", capture_output=True, text=True, check=True).stdout
    assert "not permitted" in errors
