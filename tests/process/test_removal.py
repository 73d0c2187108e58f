"""Whatever a build has made goes: however deep it is, and also what nobody may enter."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mprelease.process.removal import remove
from needs import needs

pytestmark = pytest.mark.lasting

ORDINARY = 58997
root = needs("root", "run the tests as root", there=os.geteuid() == 0)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that everybody finds by its name alone, whoever may pass through those above."""
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o777)
    return Path("place")


def deep() -> None:
    for _ in range(3000):
        os.mkdir("d")  # noqa: PTH102 (a path would be too long)
        os.chdir("d")
    Path("file").touch()
    Path().chmod(0)


def closed() -> None:
    Path("a/b/c").mkdir(parents=True)
    Path("a/b/link").symlink_to("/")
    for folder in ("a/b/c", "a/b", "a", "."):
        Path(folder).chmod(0)


def ended_well(work: Callable[[], None], user: int) -> bool:
    """Do something in a process of its own, under a user id."""
    child = os.fork()
    if not child:
        try:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
            work()
        except BaseException:  # noqa: BLE001 (nothing may get back from here)
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


@root
@pytest.mark.parametrize("fill", [deep, closed])
@pytest.mark.parametrize("user", [0, ORDINARY], ids=["root", "ordinary"])
def test_a_folder_goes_with_all_it_holds(fill: Callable[[], None], user: int, place: Path) -> None:
    def made() -> None:
        place.mkdir()
        os.chdir(place)
        fill()

    assert ended_well(made, user)
    assert place.exists()
    assert ended_well(lambda: remove(place), user)
    assert not place.exists()
