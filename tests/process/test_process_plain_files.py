"""What a build left is read only where it is a plain file, and written over, never through."""

import os
from pathlib import Path

import pytest

from mprelease.process.plain_files import (
    LARGEST,
    LARGEST_TEXT,
    beginning,
    is_plain_file,
    text,
    write_private,
)


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def make_link(path: Path) -> None:
    other = path.with_name("other")
    other.write_text("secret")
    path.symlink_to(other)


def make_giant(path: Path) -> None:
    path.touch()
    os.truncate(path, LARGEST + 1)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("make", [make_pipe, make_device, make_link, make_giant, Path.mkdir])
def test_what_is_no_plain_file_is_not_read(tmp_path: Path, make: object) -> None:
    path = tmp_path / "app.json"
    assert callable(make)
    make(path)
    assert not is_plain_file(path)
    assert text(path) is None


def test_a_missing_file_is_none(tmp_path: Path) -> None:
    assert not is_plain_file(tmp_path / "app.json")
    assert text(tmp_path / "app.json") is None


def test_a_plain_file_is_read_without_its_mark(tmp_path: Path) -> None:
    (tmp_path / "app.json").write_bytes(b"\xef\xbb\xbf{}\xff")
    assert is_plain_file(tmp_path / "app.json")
    assert text(tmp_path / "app.json") == "{}\ufffd"


@pytest.mark.timeout(20)
@pytest.mark.parametrize("make", [make_pipe, make_link])
def test_a_file_is_written_in_place_of_a_pipe_or_link(tmp_path: Path, make: object) -> None:
    path = tmp_path / "package-lock.json"
    assert callable(make)
    make(path)
    write_private(path, "mine")
    assert text(path) == "mine"
    assert path.stat().st_mode & 0o077 == 0
    assert text(tmp_path / "other") in {None, "secret"}


def test_a_text_that_is_larger_than_expected_is_not_read_but_for_its_beginning(
    tmp_path: Path,
) -> None:
    path = tmp_path / "package.json"
    path.write_text("a" * (LARGEST_TEXT + 1))
    assert is_plain_file(path)
    assert text(path) is None
    assert text(path, most=LARGEST_TEXT + 1) == "a" * (LARGEST_TEXT + 1)
    assert beginning(path) == "a" * 65_536
