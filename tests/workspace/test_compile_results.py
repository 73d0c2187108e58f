"""Compile results: kept whole, used for the same key, found damaged by their own digest."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mprelease.domain.problems import Message
from mprelease.workspace.compile_results import CompileResults, DamagedResult

KEY = "a1b2"
HINTS = (Message("warning.packages_left_out", {"packages": "dayjs"}),)


@pytest.fixture
def results(tmp_path: Path) -> CompileResults:
    return CompileResults(tmp_path / "results" / "of-a-repository")


@pytest.fixture
def written(tmp_path: Path) -> Path:
    file = tmp_path / "written"
    file.write_bytes(b"compiled\n" * 300_000)
    return file


def test_a_result_is_copied_with_its_messages(
    results: CompileResults, written: Path, tmp_path: Path
) -> None:
    assert results.copy(KEY, tmp_path / "copy") is None
    assert results.keep(KEY, written, HINTS)
    assert results.copy(KEY, tmp_path / "copy") == HINTS
    assert (tmp_path / "copy").read_bytes() == written.read_bytes()
    assert results.copy("another", tmp_path / "none") is None
    assert not (tmp_path / "none").exists()


def test_a_newer_result_of_a_key_replaces_the_earlier_one(
    results: CompileResults, written: Path, tmp_path: Path
) -> None:
    results.keep(KEY, written, HINTS)
    written.write_bytes(b"newer")
    results.keep(KEY, written, ())
    assert results.copy(KEY, tmp_path / "copy") == ()
    assert (tmp_path / "copy").read_bytes() == b"newer"
    assert [each.name for each in results.folder.iterdir()] == [KEY]


@pytest.mark.parametrize("damage", ["flipped", "cut", "messages", "note", "empty note"])
def test_a_damaged_result_is_removed_and_not_used(
    damage: str, results: CompileResults, written: Path, tmp_path: Path
) -> None:
    results.keep(KEY, written, HINTS)
    content, note = (results.folder / KEY / name for name in ("content", "note.json"))
    if damage == "flipped":
        content.write_bytes(b"D" + content.read_bytes()[1:])
    if damage == "cut":
        os.truncate(content, 1000)
    if damage == "messages":
        note.write_text(note.read_text().replace("dayjs", "lodash"))
    if damage == "note":
        note.write_text(note.read_text()[:-5])
    if damage == "empty note":
        note.write_text("[]")
    with pytest.raises(DamagedResult):
        results.copy(KEY, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    assert results.copy(KEY, tmp_path / "copy") is None
    assert results.keep(KEY, written, HINTS)
    assert results.copy(KEY, tmp_path / "copy") == HINTS


@pytest.mark.parametrize("left", ["draft", "content", "note.json"])
def test_what_an_interrupted_keep_has_left_is_no_result(
    left: str, results: CompileResults, written: Path, tmp_path: Path
) -> None:
    results.keep(KEY, written, HINTS)
    if left == "draft":
        (results.folder / KEY).rename(results.folder / ".draft-1")
    else:
        (results.folder / KEY / left).unlink()
    assert results.copy(KEY, tmp_path / "copy") is None
    assert results.keep(KEY, written, HINTS)
    assert results.copy(KEY, tmp_path / "copy") == HINTS


def test_only_a_plain_file_with_one_name_is_kept(
    results: CompileResults, written: Path, tmp_path: Path
) -> None:
    link, second, large = (tmp_path / name for name in ("link", "second", "large"))
    link.symlink_to(written)
    os.mkfifo(tmp_path / "pipe")
    with large.open("wb") as stream:
        stream.truncate(2**30)
    for refused in (link, tmp_path / "pipe", tmp_path, tmp_path / "missing", large):
        assert not results.keep(KEY, refused, ())
    second.hardlink_to(written)
    assert not results.keep(KEY, written, ())
    assert results.copy(KEY, tmp_path / "copy") is None


def test_a_result_is_private_and_shows_when_it_was_used(
    results: CompileResults, written: Path, tmp_path: Path
) -> None:
    results.keep(KEY, written, ())
    kept = results.folder / KEY
    assert kept.stat().st_mode & 0o777 == 0o700
    assert (kept / "content").stat().st_mode & 0o777 == 0o600
    os.utime(kept, (1, 1))
    results.copy(KEY, tmp_path / "copy")
    assert kept.stat().st_mtime > 1


FILLER = """
import sys
from pathlib import Path
sys.path[:0] = {paths!r}
from mprelease.workspace.compile_results import CompileResults
from test_compile_results import HINTS, KEY
written = Path({written!r})
print("ready", flush=True)
while True:
    CompileResults(Path({folder!r})).keep(KEY, written, HINTS)
"""


@pytest.mark.lasting
def test_whenever_the_process_is_killed_no_half_result_is_found(
    results: CompileResults, written: Path, tmp_path: Path
) -> None:
    """Issue 15: kill -9 in a loop at each step of keeping a result."""
    paths = [str(Path(__file__).parent), *(each for each in sys.path if each)]
    program = FILLER.format(paths=paths, folder=str(results.folder), written=str(written))
    for turn in range(10):
        process = subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.004 * turn)
        process.kill()
        process.communicate()
        assert results.copy(KEY, tmp_path / f"copy-{turn}") in (None, HINTS)
