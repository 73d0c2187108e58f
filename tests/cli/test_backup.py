"""`mprelease backup` and `mprelease restore`, from one data folder to another."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

Call = Callable[..., Any]
APP_ID = "wx0123456789abcdef"


@pytest.fixture
def filled(call: Call, key_file: Path) -> Path:
    """The data folder of a project with an app."""
    assert call("project", "add", "web", "--repository", "/srv/web.git").code == 0
    app = ("--project", "web", "--app-id", APP_ID, "--credential-file", str(key_file))
    assert call("app", "add", "商店", *app).code == 0
    return Path(os.environ["MPRELEASE_DATA_DIR"])


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Another data folder, to which `moved` turns."""
    return tmp_path / "elsewhere"


def move(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("MPRELEASE_DATA_DIR", str(folder))


def test_with_its_key_everything_is_there_again(
    call: Call, filled: Path, elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "all.zip"
    written = call("backup", str(file), "--with-master-key")
    assert written.code == 0, written.err
    assert "master key is in the file" in written.err
    assert file.stat().st_mode & 0o777 == 0o600
    before = call("app", "show", "商店", "--json").out
    move(monkeypatch, elsewhere)
    restored = call("restore", str(file), "--json")
    assert restored.code == 0, restored.err
    assert json.loads(restored.out)["tables"]["apps"] == 1
    assert restored.err == ""
    key = elsewhere / "master.key"
    assert key.read_text() == (filled / "master.key").read_text()
    assert key.stat().st_mode & 0o777 == 0o600
    assert call("app", "show", "商店", "--json").out == before


def test_without_its_key_credentials_are_said_to_be_closed(
    call: Call, filled: Path, elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "all.zip"
    assert "not in the file" in call("backup", str(file)).err
    key = (filled / "master.key").read_text().strip()
    with ZipFile(file) as archive:
        assert all(key.encode() not in archive.read(name) for name in archive.namelist())
    move(monkeypatch, elsewhere)
    restored = call("restore", str(file))
    assert restored.code == 0
    assert "master key is another one" in restored.err
    # The same, where the settings give the key.
    move(monkeypatch, tmp_path / "third")
    monkeypatch.setenv("MPRELEASE_MASTER_KEY", key)
    assert call("restore", str(file)).err == ""


def test_nothing_is_restored_over_something(call: Call, filled: Path, tmp_path: Path) -> None:
    file = tmp_path / "all.zip"
    call("backup", str(file))
    again = call("restore", str(file))
    assert again.code == 2
    assert "already something" in again.err
    assert "MPRELEASE_DATA_DIR" in again.err


def test_a_key_is_not_left_where_nothing_was_restored(
    call: Call, filled: Path, elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "all.zip"
    call("backup", str(file), "--with-master-key")
    move(monkeypatch, elsewhere)
    monkeypatch.setenv("MPRELEASE_DATABASE_URL", f"sqlite:///{filled / 'mprelease.db'}")
    assert call("restore", str(file)).code == 2
    assert not (elsewhere / "master.key").exists()


def without(file: Path, entry: str) -> None:
    with ZipFile(file) as archive:
        kept = {name: archive.read(name) for name in archive.namelist() if name != entry}
    with ZipFile(file, "w") as archive:
        for name, content in kept.items():
            archive.writestr(name, content)


def changed(file: Path, **values: object) -> None:
    with ZipFile(file) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(entries["manifest.json"])
    entries["manifest.json"] = json.dumps(manifest | values).encode()
    with ZipFile(file, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "no archive": (lambda file: file.write_bytes(b"no archive"), "no backup"),
    "cut off": (lambda file: file.write_bytes(file.read_bytes()[:-30]), "no backup"),
    "no manifest": (lambda file: without(file, "manifest.json"), "no backup"),
    "a table is missing": (lambda file: without(file, "tables/apps.jsonl"), "no backup"),
    "a row is missing": (lambda file: changed(file, tables={"apps": 2}), "no backup"),
    "another format": (lambda file: changed(file, format=2), "no backup"),
    "newer": (lambda file: changed(file, revision="9999", version="9.9"), "newer version 9.9"),
    "no file": (lambda file: file.unlink(), "cannot be read"),
}


@pytest.mark.parametrize("how", SPOILT)
def test_what_cannot_be_restored_leaves_an_empty_place(
    call: Call, filled: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    file = filled.with_name("all.zip")
    call("backup", str(file))
    good, (spoil, message) = file.read_bytes(), SPOILT[how]
    spoil(file)
    move(monkeypatch, filled.with_name("elsewhere"))
    refused = call("restore", str(file))
    assert refused.code == 2
    assert message in refused.err
    assert "Traceback" not in refused.err
    file.write_bytes(good)
    assert call("restore", str(file)).code == 0


def test_a_backup_that_fails_leaves_the_former_one(
    call: Call, filled: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "file-in-the-way"
    folder.write_text("")
    refused = call("backup", str(folder / "all.zip"))
    assert refused.code == 2
    assert "cannot be" in refused.err
