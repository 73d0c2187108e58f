"""Which entries of a folder go when only the most recently used ones are kept."""

import os
from pathlib import Path

from mprelease.workspace.retention import least_recently_used


def entry(folder: Path, name: str, used_at: float) -> Path:
    made = folder / name
    made.mkdir()
    os.utime(made, (used_at, used_at))
    return made


def test_the_entries_that_were_not_used_for_longest_go_first(tmp_path: Path) -> None:
    third, first, second = (
        entry(tmp_path, name, at) for name, at in (("a", 3), ("b", 1), ("c", 2))
    )
    assert least_recently_used(tmp_path, 1) == [first, second]
    assert least_recently_used(tmp_path, 0) == [first, second, third]
    assert least_recently_used(tmp_path, 3) == least_recently_used(tmp_path, 9) == []


def test_an_entry_that_was_used_lately_stays_beyond_the_number(tmp_path: Path) -> None:
    first = entry(tmp_path, "a", 1)
    entry(tmp_path, "b", 5)
    assert least_recently_used(tmp_path, 0, used_before=5) == [first]


def test_only_folders_that_hold_the_file_count(tmp_path: Path) -> None:
    entry(tmp_path, "draft", 1)
    complete = entry(tmp_path, "set", 2)
    (complete / "note.json").touch()
    os.utime(complete, (2, 2))
    assert least_recently_used(tmp_path, 0, holding="note.json") == [complete]
    assert least_recently_used(tmp_path, 1, holding="note.json") == []
