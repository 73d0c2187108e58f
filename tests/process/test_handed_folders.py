"""What a build hands to another one through a socket is worth nothing once the build has ended."""

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from confined import MODES, root, sandbox_of
from mprelease.domain.errors import ReleaseCanceled
from mprelease.domain.sandbox import SandboxMode
from mprelease.process.abstract_sockets import can_be_blocked
from mprelease.process.bubblewrap import Mount
from mprelease.process.command import Command
from mprelease.process.ownership import chown, remove_write_access, share_folder
from mprelease.process.sandbox import Sandbox
from mprelease.process.tree import Stop, run
from needs import needs
from process_trees import wait_until

pytestmark = pytest.mark.lasting
system_python = needs(
    "/usr/bin/python3", "apt-get install -y python3", there=Path("/usr/bin/python3").exists()
)

scoping = needs("Linux 6.12 with Landlock", "boot such a kernel", there=can_be_blocked())

TAKE = """
import os, socket, sys, time
receiver = socket.socket(socket.AF_UNIX)
receiver.bind(chr(0) + sys.argv[1])
receiver.listen()
folder = socket.recv_fds(receiver.accept()[0], 1, 1)[1][0]
print("taken", flush=True)
time.sleep(3)
for name in ("link", "inner/link"):
    try:
        os.symlink("/etc", name, dir_fd=folder)
        print("planted")
    except PermissionError:
        print("refused")
"""
GIVE = """
import errno, os, socket, sys, time
os.makedirs("open/inner")
for name in ("open", "open/inner"):
    os.chmod(name, 0o777)
sender = socket.socket(socket.AF_UNIX)
while number := sender.connect_ex(chr(0) + sys.argv[1]):
    if number == errno.EPERM:
        sys.exit("EPERM")
    time.sleep(0.05)
socket.send_fds(sender, [b"x"], [os.open("open", os.O_RDONLY)])
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """Make a folder that other users may pass through, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


class Build:
    """A confined Python program in a folder and under a user id of its own."""

    def __init__(self, sandbox: Sandbox, folder: Path, program: str, name: str) -> None:
        assert sandbox.users is not None
        self.lines: list[str] = []
        self.user = sandbox.users.claim()
        folder.mkdir(mode=0o700)
        chown(folder, self.user.uid)
        words = ("/usr/bin/python3", "-I", "-c", program, name)
        command = Command(words, folder, {"PATH": os.defpath}, 30, self.user.uid)
        self.command = sandbox.confine(command, (Mount(folder, folder, writable=True),))
        self.stop = Stop()

    def unscoped(self) -> "Build":
        """Let it use abstract sockets, as with an older kernel."""
        self.command = replace(self.command, scoped=False)
        return self

    def end(self) -> None:
        run(self.command, stop=self.stop, on_line=self.lines.append)
        self.user.release()


@root
@system_python
@scoping
@pytest.mark.parametrize("mode", MODES)
def test_no_build_hands_anything_to_another_one_through_an_abstract_socket(
    mode: SandboxMode, place: Path
) -> None:
    sandbox, name = sandbox_of(mode), uuid4().hex
    taker = Build(sandbox, place / "taker", TAKE, name)
    giver = Build(sandbox, place / "giver", GIVE, name)
    thread = threading.Thread(target=taker.end)
    thread.start()
    giver.end()
    taker.stop.ask(ReleaseCanceled())
    thread.join()
    assert (taker.lines, giver.lines) == ([], ["EPERM"])


@root
@system_python
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("closes", [True, False])
def test_nobody_changes_what_a_build_has_made_that_has_ended(
    mode: SandboxMode, place: Path, *, closes: bool
) -> None:
    sandbox, name = sandbox_of(mode), uuid4().hex
    taker = Build(sandbox, place / "taker", TAKE, name).unscoped()
    giver = Build(sandbox, place / "giver", GIVE, name).unscoped()
    thread = threading.Thread(target=taker.end)
    thread.start()
    giver.end()
    wait_until(lambda: taker.lines == ["taken"])
    if closes:
        remove_write_access(place / "giver")
    thread.join()
    outcome = "refused" if closes else "planted"
    assert taker.lines == ["taken", outcome, outcome]


@root
def test_what_a_user_shares_with_us_stays_shared_and_caches_in_sealed_folders_are_closed(
    place: Path,
) -> None:
    user = 59000
    tree = place / "tree"
    cache = tree / "node_modules/.cache/pack"
    cache.mkdir(parents=True)
    for folder in (cache, cache.parent):
        chown(folder, user)
        folder.chmod(0o777)
    share_folder(tree, user)
    (tree / "node_modules").chmod(0o755)
    remove_write_access(tree)
    modes = [each.stat().st_mode & 0o7777 for each in (tree, cache.parent, cache)]
    assert modes == [0o1775, 0o755, 0o755]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir(mode=0o777)
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/link").symlink_to("../outside")
    before = (tmp_path / "outside").stat().st_mode
    remove_write_access(tmp_path / "tree")
    remove_write_access(tmp_path / "tree/link")
    assert (tmp_path / "outside").stat().st_mode == before
