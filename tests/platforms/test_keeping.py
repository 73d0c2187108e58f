import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from mprelease.platforms.driver import Fetched
from mprelease.platforms.keeping import keep
from mprelease.platforms.tools import BRIDGES, Tool

TOOL = Tool("minidev", "2.2.5", BRIDGES / "alipay")


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    folder = tmp_path / "tools"
    TOOL.folder(folder).mkdir(parents=True)
    return folder


@pytest.fixture
def fetched(tmp_path: Path) -> Fetched:
    folder = tmp_path / "scratch" / "builder@1"
    (folder / "linux").mkdir(parents=True)
    program = folder / "linux" / "builder"
    program.write_bytes(b"\x7fELF")
    program.chmod(0o755)
    digest = hashlib.sha256(b"\x7fELF").hexdigest()
    return Fetched(folder, Path("compilers/builder@1"), {"linux/builder": digest})


def test_what_was_fetched_is_kept_as_it_is(tools: Path, fetched: Fetched) -> None:
    assert keep(TOOL, tools, fetched)
    program = TOOL.folder(tools) / "compilers" / "builder@1" / "linux" / "builder"
    assert program.read_bytes() == b"\x7fELF"
    assert program.stat().st_mode & 0o111


def test_what_lies_there_is_never_replaced(tools: Path, fetched: Fetched) -> None:
    keep(TOOL, tools, fetched)
    (fetched.folder / "linux" / "builder").write_bytes(b"evil")
    digests = {"linux/builder": hashlib.sha256(b"evil").hexdigest()}
    assert keep(TOOL, tools, replace(fetched, files=digests))
    kept = TOOL.folder(tools) / fetched.place / "linux" / "builder"
    assert kept.read_bytes() == b"\x7fELF"


def change(folder: Path) -> None:
    (folder / "linux" / "builder").write_bytes(b"evil")


def add(folder: Path) -> None:
    (folder / "more").write_bytes(b"evil")


def link(folder: Path) -> None:
    (folder / "linux" / "builder").unlink()
    (folder / "linux" / "builder").symlink_to("/bin/true")


@pytest.mark.parametrize("meddle", [change, add, link])
def test_what_was_changed_meanwhile_is_not_kept(
    tools: Path, fetched: Fetched, meddle: object
) -> None:
    assert callable(meddle)
    meddle(fetched.folder)
    assert not keep(TOOL, tools, fetched)
    assert list((TOOL.folder(tools) / "compilers").iterdir()) == []


def test_what_has_gone_is_not_kept(tools: Path, fetched: Fetched, tmp_path: Path) -> None:
    assert not keep(TOOL, tools, replace(fetched, folder=tmp_path / "nowhere"))
