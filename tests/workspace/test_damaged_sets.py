"""A dependency set is whole, or it is made again, whatever has ended a process or the machine."""

import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from mprelease.process.tree import Stop
from mprelease.workspace import dependency_sets
from mprelease.workspace.dependency_sets import DependencySets, Inputs, inputs_of
from trees import write


@pytest.fixture
def sets(tmp_path: Path) -> DependencySets:
    made = DependencySets(tmp_path / "sets")
    made.lock("a").close()
    return made


@pytest.fixture
def place(tmp_path: Path) -> Path:
    tree = tmp_path / "place"
    write(tree, "package.json", {"name": "shop"})
    return tree


def installed(place: Path) -> Inputs:
    """Let an install make something; return what was there before."""
    before = inputs_of(place)
    write(place, "node_modules/a/index.js", "a")
    (place / "node_modules" / "app").symlink_to("../packages/app")
    return before


@pytest.mark.parametrize("harm", ["empty", "cut", "missing", "link", "extra"])
def test_a_set_that_a_crash_has_damaged_is_found_when_a_process_first_uses_it(
    sets: DependencySets, place: Path, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Issue 15: nothing is lost, it is installed again."""
    before = installed(place)
    write(place, "made.js", "made by the install")
    write(place, "node_modules/a/large.js", "x" * 9000)
    made = sets.seal("a", place, before, maker=None, locks=())
    monkeypatch.setattr(dependency_sets, "_WHOLE", set())
    assert sets.find("a") == made
    assert not sets.is_damaged("a")
    monkeypatch.setattr(dependency_sets, "_WHOLE", set())
    module = made.modules_at(made.modules.index("node_modules"))
    if harm == "empty":
        os.truncate(module / "a/index.js", 0)
    elif harm == "cut":
        os.truncate(module / "a/large.js", 4096)
    elif harm == "missing":
        (module / "a/index.js").unlink()
    elif harm == "link":
        (module / "app").unlink()
        (module / "app").symlink_to("../packages/other")
    else:
        os.truncate(made.extra_at("made.js"), 3)
    assert sets.find("a") is None
    assert sets.is_damaged("a")
    with closing(sets.lock("a")) as lock:
        assert sets.acquire("a", lock, Stop()) is None
        sets.seal("a", place, installed(place), maker=None, locks=())
    assert sets.find("a")


FILLER = """
import sys
from pathlib import Path
sys.path[:0] = {paths!r}
from mprelease.workspace.dependency_sets import DependencySets
from test_damaged_sets import installed, write
sets = DependencySets(Path({folder!r}))
print("ready", flush=True)
for number in range(1000):
    place = Path({place!r}) / str(number)
    write(place, "package.json", "{{}}")
    before = installed(place)
    for part in range(200):
        write(place, f"node_modules/many/{{part}}.js", "x" * 5000)
    sets.seal("a", place, before, maker=None, locks=())
"""


@pytest.mark.lasting
def test_whenever_the_process_is_killed_no_half_set_is_found(
    sets: DependencySets, tmp_path: Path
) -> None:
    """Issue 15: kill -9 in a loop at each step of filling a set."""
    paths = [str(Path(__file__).parent), *(each for each in sys.path if each)]
    for turn in range(10):
        folder = str(tmp_path / f"places-{turn}")
        program = FILLER.format(paths=paths, folder=str(sets.folder), place=folder)
        process = subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.03 * turn)
        process.kill()
        process.communicate()
        assert not sets.is_damaged("a")
