"""Issue 13, number 3: a driver that only this test registers goes through the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paper_platform import APP_ID, CREDENTIAL, PAPER, PaperDriver, register
from repositories import make_repository

Call = Callable[..., Any]


@pytest.fixture
def letter(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """The command line with an app `letter` of the fourth platform."""
    file = tmp_path / "credential.json"
    file.write_text(json.dumps(CREDENTIAL))
    repository = make_repository(tmp_path / "repository", {"app.json": '{"pages": ["a"]}'})
    assert call("project", "add", "post", "--repository", str(repository)).code == 0
    add = (
        *("app", "add", "letter", "--project", "post", "--platform", PAPER),
        *("--app-id", APP_ID, "--credential-file", str(file), "--robot", "4"),
    )
    refused = call(*add)
    assert refused.code == 2
    assert "is not one of" in " ".join(refused.err.split())
    register(monkeypatch)
    added = call(*add)
    assert added.code == 0, added.err
    return call


def test_an_app_is_shown_changed_and_checked(letter: Call) -> None:
    (listed,) = json.loads(letter("app", "list", "--json").out)
    assert (listed["platform"], listed["robot"]) == (PAPER, 4)
    assert letter("app", "edit", "letter", "--robot", "6").code == 2
    assert letter("app", "edit", "letter", "--setting", "fold=no", "--robot", "5").code == 0
    assert "paper-tool" in letter("doctor").out


def test_an_upload_is_built_and_published(letter: Call, tmp_path: Path) -> None:
    PaperDriver.tool.folder(tmp_path / "tools").mkdir(parents=True)
    answer = letter("upload", "letter", "--robot", "3", "--json")
    assert answer.code == 0, answer.err + answer.out
    release = json.loads(answer.out)
    assert (release["platform"], release["state"], release["robot"]) == (PAPER, "succeeded", 3)
    assert release["warnings"] == ["paper_not_folded"]
    assert CREDENTIAL["stamp"] not in letter("log", "1").out
    finished = letter("release", "finish", "1", "--json")
    assert json.loads(finished.out)["warnings"] != ["paper_not_folded"], finished.err
