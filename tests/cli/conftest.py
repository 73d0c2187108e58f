"""The command line in this process, with a data folder of its own."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from databases import Servers
from mprelease.cli import main


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


Call = Callable[..., Answer]


@pytest.fixture
def key_file(tmp_path: Path, upload_key: str) -> Path:
    file = tmp_path / "private.wx0123456789abcdef.key"
    file.write_text(upload_key)
    return file


@pytest.fixture
def data(tmp_path: Path, servers: Servers) -> Path:
    """A data folder as the first command leaves it; making the tables each time takes a while."""
    folder = tmp_path / "data"
    servers.prepare(folder)
    return folder


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], data: Path
) -> Iterator[Call]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPRELEASE_DATA_DIR", str(data))
    monkeypatch.setenv("MPRELEASE_TOOLS_DIR", str(tmp_path / "tools"))
    monkeypatch.setenv("MPRELEASE_CONFIG", str(tmp_path / "none.toml"))
    before = os.umask(0o022)
    os.umask(before)

    def run(*arguments: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["mprelease", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return Answer(int(ended.value.code or 0), out, err)

    yield run
    os.umask(before)
