"""Artifacts are whole or absent, whatever ends a process, and none goes that is in use."""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from mprelease.domain.problems import Message
from mprelease.workspace.artifacts import Artifact, Artifacts, Built
from trees import write

KEY, OTHER = "a" * 64, "b" * 64
BUILT = Built(
    output="dist",
    dependencies=None,
    packages=("vant",),
    node_version="20.1.0",
    warnings=(Message("warning.not_reproducible", {}),),
    age="",
    counted={"MPRELEASE_VERSION": "1.0"},
    release=7,
)


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path / "artifacts")


def store(artifacts: Artifacts, key: str = KEY, text: str = "App({})") -> Artifact:
    def fill(content: Path) -> Built:
        write(content, "dist/app.js", text)
        return BUILT

    return artifacts.store(key, fill)


def test_what_is_stored_is_found_by_its_key_and_by_its_name(artifacts: Artifacts) -> None:
    stored = store(artifacts)
    assert list(artifacts.of_key(KEY)) == [stored]
    assert artifacts.named(stored.name) == stored
    assert stored.is_whole
    assert stored.built == BUILT
    assert list(artifacts.of_key(OTHER)) == []


@pytest.mark.parametrize(
    "harm",
    [
        lambda content: (content / "dist/app.js").write_text("App({ other: 1 })"),
        lambda content: (content / "dist/app.js").rename(content / "dist/b.js"),
        lambda content: (content / "dist/more.js").write_text(""),
        lambda content: (content / "dist/app.js").unlink(),
        lambda content: (content / "dist/link").symlink_to("app.js"),
    ],
)
def test_every_change_of_names_and_contents_is_noticed(artifacts: Artifacts, harm: object) -> None:
    stored = store(artifacts)
    assert callable(harm)
    harm(stored.content)
    assert not stored.is_whole


def test_a_store_that_fails_leaves_nothing(artifacts: Artifacts) -> None:
    def fill(content: Path) -> Built:
        write(content, "dist/app.js", "half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="space"):
        artifacts.store(KEY, fill)
    assert list(artifacts.folder.iterdir()) == []


def test_the_oldest_go_but_none_that_is_in_use(artifacts: Artifacts) -> None:
    used, unused = store(artifacts, "c" * 64), store(artifacts, "d" * 64)
    for each in (used, unused):
        os.utime(each.folder, (1, 1))
    with closing(artifacts.lock(used)) as lock:
        assert lock.try_shared()
        for number in range(66):
            store(artifacts, f"{number:064x}"[::-1])
        assert artifacts.named(used.name)
        assert artifacts.named(unused.name) is None


def test_locks_that_no_artifact_has_are_removed(artifacts: Artifacts) -> None:
    with closing(artifacts.build_lock(OTHER)):
        os.utime(artifacts.folder / f"{OTHER[:40]}.lock", (1, 1))
    with closing(artifacts.build_lock("e" * 64)) as held:
        os.utime(artifacts.folder / f"{'e' * 40}.lock", (1, 1))
        assert held.try_shared()
        store(artifacts)
        assert [lock.name for lock in artifacts.folder.glob("*.lock")] == [f"{'e' * 40}.lock"]


def test_a_lock_whose_file_was_removed_is_taken_in_the_new_file(artifacts: Artifacts) -> None:
    with closing(artifacts.build_lock(KEY)) as early:
        (artifacts.folder / f"{KEY[:40]}.lock").unlink()
        assert early.try_exclusive()
        with closing(artifacts.build_lock(KEY)) as late:
            assert not late.try_shared()


FILLER = """
import sys
from pathlib import Path
sys.path[:0] = {paths!r}
from mprelease.workspace.artifacts import Artifacts
from test_artifacts import KEY, store
print("ready", flush=True)
while True:
    store(Artifacts(Path({folder!r})), KEY, "App({{}})" * 40_000)
"""


@pytest.mark.lasting
def test_whenever_the_process_is_killed_no_half_artifact_is_found(artifacts: Artifacts) -> None:
    """Issue 15: kill -9 in a loop at each step of storing."""
    paths = [str(Path(__file__).parent), *(each for each in sys.path if each)]
    program = FILLER.format(paths=paths, folder=str(artifacts.folder))
    for turn in range(12):
        process = subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.003 * turn)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        for found in artifacts.of_key(KEY):
            assert found.is_whole
