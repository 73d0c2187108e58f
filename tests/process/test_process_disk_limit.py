import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from confined import UID, in_a_container, limited, root
from mprelease.process.command import Command
from mprelease.process.limits import LimitName
from mprelease.process.removal import remove
from mprelease.process.tree import Exit
from process_trees import output, python

pytestmark = pytest.mark.lasting


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder that everybody may write to, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    folder.chmod(0o777)
    yield folder
    remove(folder)


def writing(script: str, folder: Path, disk: int) -> Command:
    command = limited(python(script, folder=folder), disk=disk)
    return replace(command, disk_folders=(folder,))


def test_folders_that_hold_too_much_end_the_tree(folder: Path) -> None:
    script = (
        "import time\n"
        "for n in range(30):\n    open(f'f{n}', 'wb').write(b'x' * (1 << 20))\n"
        "print('written', flush=True); time.sleep(60)"
    )
    began = time.monotonic()
    ended, lines = output(writing(script, folder, disk=20))
    assert (ended.limit, lines) == (LimitName.DISK, ["written"])
    assert time.monotonic() - began < 6


@pytest.mark.parametrize(
    "script",
    [
        (
            "held = [open(f'f{n}', 'wb') for n in range(30)]\n"
            "for n, file in enumerate(held):\n"
            "    os.unlink(f'f{n}'); file.write(b'x' * (1 << 20)); file.flush()"
        ),
        "for n in range(6000): open(f'f{n}', 'w').close()",
        "for n in range(6000): os.symlink('/', f'f{n}')",
        (
            "for n in range(100):\n    os.mkdir('d' * 200); os.chdir('d' * 200)\n"
            "for n in range(30): open(f'f{n}', 'wb').write(b'x' * (1 << 20))"
        ),
        (
            "held = [os.memfd_create('x') for n in range(2)]\n"
            "for file in held: os.write(file, b'x' * (15 << 20))"
        ),
    ],
    ids=["deleted", "empty files", "links", "deep folders", "memory as a file"],
)
def test_space_cannot_be_hidden(script: str, folder: Path) -> None:
    ended, lines = output(writing(f"import os, time\n{script}\ntime.sleep(60)", folder, disk=20))
    assert (ended.limit, lines) == (LimitName.DISK, [])


# Arguments: a folder, a user id, and what its Python runs.
LIMITED = """
import os, sys
from pathlib import Path
from mprelease.process.command import Command
from mprelease.process.limits import ResourceLimits
from mprelease.process.tree import Stop, run
folder, user, script = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
words = ("/usr/bin/python3", "-I", "-c", script)
command = Command(words, folder, {"PATH": os.defpath}, 20, user,
    limits=ResourceLimits(disk=20, memory=90), disk_folders=(folder,))
print(run(command, stop=Stop(), on_line=print).limit)
"""
DELETED = """
import os, time
held = [open(f"f{n}", "wb") for n in range(30)]
for n, file in enumerate(held):
    os.unlink(f"f{n}"); file.write(b"x" * (1 << 20)); file.flush()
"""
# A namespace of the process's own takes its files out of our sight in another way.
IN_A_NAMESPACE = """
import os, sys
os.execv("/usr/bin/unshare", ["unshare", "-Ur", "/usr/bin/python3", "-I", "-c", sys.argv[1]])
"""


@root
@pytest.mark.parametrize("start", ["", "namespace"])
def test_the_root_of_a_container_sees_what_was_deleted_as_well(folder: Path, start: str) -> None:
    script = f"{DELETED}\ntime.sleep(8)"
    if start:
        script = IN_A_NAMESPACE.replace("sys.argv[1]", repr(script))
    assert in_a_container(LIMITED, str(folder), str(UID), script) == f"{LimitName.DISK!s}\n"


@root
def test_the_root_of_a_container_counts_once_what_processes_share(folder: Path) -> None:
    script = (
        "import os, time; held = b'x' * (40 << 20); [os.fork() for _ in range(2)]; time.sleep(3)"
    )
    assert in_a_container(LIMITED, str(folder), str(UID), script) == "None\n"


@root
def test_what_a_user_leaves_where_everybody_may_write_counts(folder: Path) -> None:
    script = (
        "import os, tempfile, time\n"
        "place = tempfile.mkdtemp(dir='/tmp'); print(place, flush=True)\n"
        "for n in range(30): open(f'{place}/{n}', 'wb').write(b'x' * (1 << 20))\n"
        "time.sleep(60)"
    )
    command = writing(script, folder, disk=20)
    words = ("/usr/bin/python3", *command.arguments[1:])
    ended, lines = output(replace(command, arguments=words, user=UID))
    remove(Path(lines[0]))
    assert ended.limit is LimitName.DISK


def test_names_of_one_file_count_once_and_links_are_not_followed(folder: Path) -> None:
    script = (
        "import os, time\n"
        "open('one', 'wb').write(b'x' * (3 << 20))\n"
        "for n in range(20): os.link('one', f'also-{n}')\n"
        "os.symlink('/usr', 'usr')\n"
        "time.sleep(2.5)"
    )
    assert output(writing(script, folder, disk=8))[0] == Exit(0, timed_out=False, stopped=False)


def test_no_single_file_is_larger_than_all_may_be(folder: Path) -> None:
    script = "open('one', 'wb').write(b'x' * (9 << 20))"
    ended, lines = output(writing(script, folder, disk=8))
    assert (ended.code, lines[-1]) == (1, "OSError: [Errno 27] File too large")
    assert (folder / "one").stat().st_size == 8 << 20
