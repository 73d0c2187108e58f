import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from confined import in_a_container
from mprelease.process.user_leftovers import remove_leftovers
from needs import needs

pytestmark = pytest.mark.lasting

UID = 59254
SOMEBODY_ELSE = 59255
SYSTEM_PYTHON = Path("/usr/bin/python3")
root = needs("root", "run the tests as root", there=os.geteuid() == 0)
system_python = needs(
    str(SYSTEM_PYTHON), "apt-get install -y python3", there=SYSTEM_PYTHON.exists()
)

# Arguments: to whom the segment is given.
SHARE_MEMORY = """
import ctypes, sys
libc = ctypes.CDLL(None)
segment = libc.shmget(0, 4096, 0o1600)
description = ctypes.create_string_buffer(256)
libc.shmctl(segment, 2, description)
description[4:8] = int(sys.argv[1]).to_bytes(4, sys.byteorder)
assert libc.shmctl(segment, 1, description) == 0
print(segment)
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Make a folder in which everybody may write."""
    folder = tmp_path / "place"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


def owned(path: Path, uid: int = UID) -> Path:
    os.chown(path, uid, uid, follow_symlinks=False)
    return path


def file(path: Path, uid: int = UID) -> Path:
    path.write_text("left here")
    return owned(path, uid)


def folder(path: Path, uid: int = UID) -> Path:
    path.mkdir()
    return owned(path, uid)


@root
def test_what_a_user_left_goes_and_what_others_left_stays(place: Path) -> None:
    inner = folder(place / "cache")
    inner.chmod(0)
    file(inner / "entry")
    file(place / "note")
    kept = file(place / "of another", SOMEBODY_ELSE)
    remove_leftovers(UID, (str(place),))
    assert list(place.iterdir()) == [kept]


@root
def test_what_a_user_left_in_an_open_folder_of_another_goes(place: Path) -> None:
    shared = folder(place / "shared", SOMEBODY_ELSE)
    shared.chmod(0o777)
    file(shared / "planted")
    kept = file(shared / "theirs", SOMEBODY_ELSE)
    remove_leftovers(UID, (str(place),))
    assert list(shared.iterdir()) == [kept]


@root
def test_a_link_goes_and_what_it_leads_to_stays(place: Path, tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    ours.mkdir()
    (ours / "master.key").write_text("secret")
    for link in (place / "link", folder(place / "inner") / "link"):
        link.symlink_to(ours)
        owned(link)
    remove_leftovers(UID, (str(place),))
    assert not list(place.iterdir())
    assert (ours / "master.key").read_text() == "secret"


@root
def test_a_place_that_is_a_link_is_left_alone(place: Path, tmp_path: Path) -> None:
    kept = file(place / "kept")
    link = tmp_path / "link"
    link.symlink_to(place)
    remove_leftovers(UID, (str(link), str(tmp_path / "nothing")))
    assert kept.exists()


@root
@system_python
def test_a_folder_deeper_than_open_files_or_the_stack_allow_goes(place: Path) -> None:
    script = "import os\nfor _ in range(3000):\n os.mkdir('d'); os.chdir('d')\nopen('x', 'w')"
    words = [str(SYSTEM_PYTHON), "-I", "-c", script]
    subprocess.run(words, cwd=place, user=UID, group=UID, extra_groups=[], check=True)
    assert list(place.iterdir())
    remove_leftovers(UID, (str(place),))
    assert not list(place.iterdir())


@root
@system_python
def test_a_deep_folder_of_another_that_is_open_to_everybody_holds_nobody_up(place: Path) -> None:
    script = "import os\nos.umask(0)\nfor _ in range(3000):\n os.mkdir('d'); os.chdir('d')"
    words = [str(SYSTEM_PYTHON), "-I", "-c", script]
    somebody = SOMEBODY_ELSE
    subprocess.run(words, cwd=place, user=somebody, group=somebody, extra_groups=[], check=True)
    file(place / "note")
    remove_leftovers(UID, (str(place),))
    assert [path.name for path in place.iterdir()] == ["d"]
    remove_leftovers(SOMEBODY_ELSE, (str(place),))


@root
def test_no_name_that_a_user_has_chosen_keeps_what_it_left(place: Path) -> None:
    left = folder(place / "left")
    for name in (".mprelease-0", ".mprelease-0/full", "inner", "inner/full"):
        folder(left / name)
    file(left / "inner" / "note")
    remove_leftovers(UID, (str(place),))
    assert not list(place.iterdir())


# add_key(2) and keyctl(2), for which the C library has no functions; persistent keyrings are an
# option of the kernel.
KEYS = """
import ctypes, os, sys
call = ctypes.CDLL(None).syscall
add, keyctl = {"x86_64": (248, 250), "aarch64": (217, 219)}[os.uname().machine]
user, process, search, persistent = ctypes.c_long(-4), ctypes.c_long(-2), 10, 22
lasting = call(keyctl, persistent, -1, process)
places = [user, ctypes.c_long(lasting)] if lasting > 0 else [user]
if sys.argv[1:]:
    assert all(call(add, b"user", b"note", b"x", 1, place) > 0 for place in places)
print([call(keyctl, search, place, b"user", b"note", 0) > 0 for place in places])
"""


@root
@system_python
def test_what_a_user_has_put_into_its_keyrings_goes() -> None:
    def notes(*arguments: str) -> str:
        words = [str(SYSTEM_PYTHON), "-I", "-c", KEYS, *arguments]
        ended = subprocess.run(
            words, user=UID, group=UID, extra_groups=[], capture_output=True, text=True, check=True
        )
        return ended.stdout

    assert "False" not in notes("add")
    assert "False" not in notes()
    remove_leftovers(UID, ())
    assert "True" not in notes()


CLEAN_UP = """
import sys
from mprelease.process.user_leftovers import remove_leftovers
remove_leftovers(int(sys.argv[1]), ())
"""


def clean_up_in_a_container() -> None:
    in_a_container(CLEAN_UP, str(UID))


@root
@system_python
@pytest.mark.parametrize("owner", [UID, SOMEBODY_ELSE])
@pytest.mark.parametrize(
    "clean_up",
    [lambda: remove_leftovers(UID, ()), clean_up_in_a_container],
    ids=["root", "root of a container"],
)
def test_a_segment_of_shared_memory_goes_even_if_it_was_given_away(
    clean_up: Callable[[], None], owner: int
) -> None:
    made = subprocess.run(
        [str(SYSTEM_PYTHON), "-I", "-c", SHARE_MEMORY, str(owner)],
        user=UID,
        group=UID,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=True,
    )
    segment = made.stdout.strip()
    table = Path("/proc/sysvipc/shm")
    assert any(line.split()[1] == segment for line in table.read_text().splitlines())
    clean_up()
    assert not any(line.split()[1] == segment for line in table.read_text().splitlines())
